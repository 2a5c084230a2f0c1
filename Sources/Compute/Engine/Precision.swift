internal import COneDNN

/// Numbers that convolutions multiply; sums, activations and weights between steps are f32 always.
package enum Precision: String, Codable, Sendable, CaseIterable {
  case float32 = "f32"
  /// Half the bits, of which the exponent keeps its range; faster where the processor has it.
  case bfloat16 = "bf16"

  /// `bf16` where the processor multiplies it by itself, as far as oneDNN is allowed to use that.
  package static var fastest: Precision {
    let needed = dnnl_cpu_isa_avx512_core_bf16.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & needed == needed ? .bfloat16 : .float32
  }

  /// This precision where the processor has it, else `f32`.
  package var available: Precision { self == Self.fastest ? self : .float32 }
}
