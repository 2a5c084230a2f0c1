import Compute
import Foundation
import Numerics

/// A damaged file: the same bytes for the same seeds, seed and number.
struct Mutant {
  let bytes: [UInt8]
  /// What it was made of and how, for a reader.
  let origin: String

  /// - Parameter seeds: sound and odd files that are damaged.
  init(number: Int, seed: UInt64, of seeds: [Seed]) {
    var random = RandomGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(number))
    let base = Self.pick(from: seeds, using: &random)
    let donor = Self.pick(from: seeds, using: &random)
    var bytes = base.bytes
    let mutations = (0..<[1, 1, 1, 2, 2, 3, 5].randomElement(using: &random)!).map { _ in
      Mutation.allCases.randomElement(using: &random)!
    }
    for mutation in mutations { mutation.apply(to: &bytes, donor: donor.bytes, using: &random) }
    self.bytes = bytes
    origin = "\(base.name) with \(donor.name): \(mutations.map { "\($0)" }.joined(separator: ", "))"
  }

  /// Large files seldom: they take long and fail no differently.
  private static func pick(from seeds: [Seed], using random: inout RandomGenerator) -> Seed {
    var seed = seeds[random.integer(below: seeds.count)]
    for _ in 0..<2 where seed.bytes.count > 1 << 16 { seed = seeds[random.integer(below: seeds.count)] }
    return seed
  }
}

/// A file that mutants are made of.
struct Seed {
  let name: String
  let bytes: [UInt8]

  /// All files of folders, by name; a folder that is not there has none.
  static func all(in folders: [String]) -> [Seed] {
    folders.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().compactMap { name in
        FileManager.default.contents(atPath: "\(folder)/\(name)").map { Seed(name: name, bytes: Array($0)) }
      }
    }
  }
}
