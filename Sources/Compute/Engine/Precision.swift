internal import COneDNN

/// Precision of the numbers that convolutions multiply; sums, activations and weights between steps are always f32.
package enum Precision: String, Codable, Sendable, CaseIterable {
  case float32 = "f32"
  /// 16 bits, with the exponent range of f32; faster where the processor supports it.
  case bfloat16 = "bf16"

  /// `bf16` if the processor has instructions that multiply it and oneDNN is allowed to use them, else `f32`.
  package static var fastest: Precision {
    let needed = dnnl_cpu_isa_avx512_core_bf16.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & needed == needed ? .bfloat16 : .float32
  }

  /// This precision if the processor supports it, else `f32`.
  package var available: Precision { self == Self.fastest ? self : .float32 }
}
