import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Numerics
import Testing
import Threads

/// Appearances of phantom cases, measured once for all tests. Every case keeps two of its slices.
private enum Phantoms {
  static let preparation = Preparation(
    normalization: Normalization(method: .robust, scope: .scan), reduction: 1, channels: 1)
  static let count = 72

  static func scans(seed: UInt64, hasLesions: Bool = false) -> [Image] {
    let gain = Float(100 + seed % 7 * 300)
    return Phantom(seed: seed, hasLesions: hasLesions).slices[1...2].map { slice in
      var image = slice.image
      for i in image.samples.indices { image.samples[i] = (image.samples[i] * gain).rounded() }
      return image
    }
  }

  static func appearance(_ images: [Image]) -> Appearance { Appearance(of: preparation.prepare(images).map(\.scan)) }

  static func appearances(_ seeds: Range<UInt64>, _ change: @escaping @Sendable (UInt64) -> [Image]) -> [Appearance] {
    Parallel.map(seeds.count) { appearance(change(seeds.lowerBound + UInt64($0))) }
  }

  static let healthy = appearances(0..<UInt64(count)) { scans(seed: $0) }

  static let shift = DomainShift(reference(healthy[0..<48]))!

  static func reference(_ cases: some Collection<Appearance>) -> DomainReference {
    let trained = cases.count * 3 / 5
    return DomainReference(
      channels: 1, training: Array(cases.prefix(trained)), heldOut: Array(cases.dropFirst(trained)))
  }

  static func study(_ change: @escaping @Sendable (Image) -> Image) -> [Appearance] {
    appearances(1000..<1012) { scans(seed: $0).map(change) }
  }
}

private func isShifted(_ outcome: DomainShift.StudyOutcome) -> Bool {
  if case .shifted = outcome { true } else { false }
}

struct DomainShiftTests {
  /// Each split is drawn anew from one pool, so that alarms are independent with at most the stated rate.
  @Test func `studies of the same population are told apart no more often than stated`() {
    var random = RandomGenerator(seed: 5)
    let trials = 300
    var (alarms, far, low) = (0, 0, [0.05: 0, 0.1: 0, 0.2: 0])
    for _ in 0..<trials {
      let cases = Phantoms.healthy.shuffled(using: &random)
      // 29 held out: the rates asked for are attainable to a third of a step.
      let reference = DomainReference(
        channels: 1, training: Array(cases[0..<25]), heldOut: Array(cases[25..<54]))
      let shift = DomainShift(reference)!
      if isShifted(shift.outcome(ofStudy: Array(cases[54...]))) { alarms += 1 }
      let outcome = shift.outcome(ofCase: cases[54])!
      if outcome.isFar { far += 1 }
      for rate in low.keys where outcome.pValue <= rate + 1e-12 { low[rate]! += 1 }
    }
    #expect(alarms <= binomialInterval(trials, DomainShift.level).upperBound)
    #expect(far <= binomialInterval(trials, 1.0 / 30).upperBound)
    for (rate, count) in low {
      let attained = (rate * 30 + 1e-9).rounded(.down) / 30
      #expect(binomialInterval(trials, attained).contains(count), "\(rate): \(count) of \(trials)")
    }
  }

  @Test(arguments: [UInt64(2000), 3000, 4000, 5000])
  func `lesions in a third of the cases are no domain shift`(first: UInt64) {
    let cases = Phantoms.appearances(first..<first + 12) { Phantoms.scans(seed: $0, hasLesions: $0 % 3 == 0) }
    #expect(Phantoms.shift.outcome(ofStudy: cases) == .alike)
  }

  /// Growths that fill up to a tenth of the tissue make a case unusual, but seldom put it far out.
  @Test func `few cases with lesions are far out`() {
    let cases = Phantoms.appearances(6000..<6040) { Phantoms.scans(seed: $0, hasLesions: true) }
    #expect(cases.count { Phantoms.shift.outcome(ofCase: $0)!.isFar } <= 4)
  }

  static let changes: [(String, @Sendable (Image) -> Image, AppearanceFeature.Kind)] = [
    ("inverted contrast", { image in image.mapped { image.samples.max()! - $0 } }, .asymmetry),
    ("strong blur", { $0.blurred(sigma: 2) }, .noise),
    ("added noise", { $0.noisy(0.06) }, .noise),
    ("gamma 2", { image in image.mapped { $0 * $0 / image.samples.max()! } }, .level),
    (
      "zoom by 2 into the same frame",
      { image in image.resized(width: image.width * 2, height: image.height * 2).cropped(to: image.width) }, .sharpness
    ),
    ("twice as many pixels", { $0.resized(width: $0.width * 2, height: $0.height * 2) }, .sharpness),
    ("half as many pixels", { $0.reduced(by: 2) }, .size),
    ("a fundus photograph", { _ in Image.fundus(channels: 1) }, .structure),
  ]

  @Test(arguments: changes.indices)
  func `another kind of picture is told apart, and its feature is named`(index: Int) throws {
    let (name, change, kind) = Self.changes[index]
    let outcome = Phantoms.shift.outcome(ofStudy: Phantoms.study(change))
    guard case .shifted(let differences) = outcome else {
      Issue.record("\(name): \(outcome)")
      return
    }
    #expect(differences.contains { $0.feature.kind == kind }, "\(name): \(differences.map(\.sentence))")
    #expect(DomainShift.warning(outcome)?.contains(differences[0].sentence) == true)
  }

  /// Where norma measures in the units of the study, another gain or number of bits changes every score.
  @Test(arguments: [(0.5, true), (0.7, true), (256, true), (1.02, false)])
  func `another gain is told apart where intensities are in the units of the study`(gain: Float, isOther: Bool) throws {
    @Sendable func scans(_ seed: UInt64, times gain: Float) -> [Image] {
      Phantom(seed: seed, hasLesions: false).slices[1...2].map { $0.image.mapped { ($0 * 1000 * gain).rounded() } }
    }
    var shared = Phantoms.preparation
    shared.texture = TextureScale(
      of: (0..<12).map { seed in
        scans(seed, times: 1).map {
          TextureScale.Sample(original: $0, image: $0, tissue: Normalization.tissue(of: [$0])[0])
        }
      }
    ) { _ in 1 }
    try #require(shared.texture?.study != nil)
    func cases(_ seeds: Range<UInt64>, times gain: Float, by preparation: Preparation) -> [Appearance] {
      Parallel.map(seeds.count) {
        Appearance(of: preparation.prepare(scans(seeds.lowerBound + UInt64($0), times: gain)).map(\.scan))
      }
    }
    let shift = DomainShift(Phantoms.reference(cases(0..<40, times: 1, by: shared)))!
    let outcome = shift.outcome(ofStudy: cases(100..<112, times: gain, by: shared))
    #expect(isShifted(outcome) == isOther, "\(outcome)")
    guard isOther else { return }
    #expect(DomainShift.warning(outcome)?.contains("the contrast is ") == true, "\(outcome)")
    // Normalized scan by scan, nothing depends on the gain.
    let own = DomainShift(Phantoms.reference(cases(0..<40, times: 1, by: Phantoms.preparation)))!
    #expect(own.outcome(ofStudy: cases(100..<112, times: gain, by: Phantoms.preparation)) == .alike)
  }

  /// A study of one case is too small for the test of studies: the case alone decides.
  @Test func `a single strange case is far out, a single ordinary one is not`() {
    let strange = Phantoms.study { $0.blurred(sigma: 2) }[0]
    #expect(Phantoms.shift.outcome(ofCase: strange)!.isFar)
    #expect(isShifted(Phantoms.shift.outcome(ofStudy: [strange])))
    guard case .notTested(let reason) = Phantoms.shift.outcome(ofStudy: [Phantoms.healthy[60]]) else {
      Issue.record("one case says nothing of its study")
      return
    }
    #expect(reason.hasPrefix("1 case is too few to say anything of the study: "), "\(reason)")
  }

  @Test func `a held-out case of another make is odd, and hides no further ones`() {
    let strange = Phantoms.study { $0.blurred(sigma: 2) }
    func shift(heldOut: [Appearance]) -> DomainShift {
      DomainShift(DomainReference(channels: 1, training: Array(Phantoms.healthy[..<29]), heldOut: heldOut))!
    }
    let usual = Array(Phantoms.healthy[29..<48])
    #expect(shift(heldOut: usual).odd.isEmpty)
    for count in 1...2 {
      let mixed = shift(heldOut: Array(strange.prefix(count)) + usual)
      #expect(mixed.odd == Set(0..<count))
      #expect(mixed.outcome(ofCase: strange[5])!.isFar)
      #expect(!mixed.outcome(ofCase: Phantoms.healthy[60])!.isFar)
      let warning = mixed.warning(ofHeldOut: 0, named: "a/b")
      #expect(warning.hasPrefix("The held-out case a/b does not look like the other healthy cases: in it the "))
      #expect(warning.hasSuffix(" train again with --exclude 'a/b'."))
    }
    let one = shift(heldOut: Array(strange.prefix(1)) + usual)
    #expect(one.warning(ofHeldOut: 0, named: "x").contains(" that of all training cases"))
    #expect(shift(heldOut: Array(strange.prefix(1)) + usual.prefix(8)).odd.isEmpty)
    // Eight of 27 are a kind of their own.
    #expect(shift(heldOut: Array(strange.prefix(8)) + usual).odd.isEmpty)
  }

  /// From the least number on, and not before, a study in which every value lies beyond all known ones is told apart.
  @Test func `the least number of cases that the tests can tell apart is the one that is stated`() throws {
    let shift = Phantoms.shift
    let least = try #require(shift.fewestTestable)
    let known = shift.reference.training.count + shift.reference.heldOut.count
    // 2 / binomial(n + m, m) for m cases beside n, for as many features as there are.
    func smallest(_ m: Int) -> Double { (1...m).reduce(2) { $0 * Double($1) / Double(known + $1) } }
    // Features of the model are not measured here.
    let cases = shift.reference.training + shift.reference.heldOut
    let features = Double(cases[0].values.indices.count { f in cases.count { $0.values[f] != nil } >= 10 })
    #expect(smallest(least) * features <= DomainShift.level && smallest(least - 1) * features > DomainShift.level)
    func study(_ count: Int) -> [Appearance] { Array(Phantoms.healthy[60..<60 + count]) }
    #expect(shift.outcome(ofStudy: study(least)) == .alike)
    guard case .notTested(let reason) = shift.outcome(ofStudy: study(least - 1)) else {
      Issue.record("\(least - 1) cases say nothing of their study")
      return
    }
    let few = Count.of(least - 1, "case is", "cases are")
    #expect(reason.hasPrefix("\(few) too few ") && reason.hasSuffix(" of \(least) cases or more"))
  }

  @Test func `too few training cases give no test, and it is said why`() {
    let shift = DomainShift(DomainReference(channels: 1, training: [], heldOut: Array(Phantoms.healthy[0..<4])))!
    #expect(shift.outcome(ofCase: Phantoms.healthy[10]) == nil)
    #expect(
      shift.outcome(ofStudy: Array(Phantoms.healthy[10..<13]))
        == .notTested(reason: "3 cases are too few to compare with 4 training cases"))
  }

  @Test func `gain and offset of a channel do not change an appearance`() {
    let images = Phantoms.scans(seed: 3)
    let first = Phantoms.appearance(images)
    let second = Phantoms.appearance(images.map { $0.mapped { 4 * $0 + 500 } })
    for (a, b) in zip(first.values, second.values) {
      #expect((a == nil) == (b == nil))
      // Sums of floats a thousand times larger than the noise.
      if let a, let b { #expect(abs(a - b) < 2e-3) }
    }
  }

  @Test(arguments: [
    (
      DomainShift.Difference(
        feature: AppearanceFeature.all(channels: 3)[3 + 9 + 7], distance: 1, shareBelow: 0.97, shareAbove: 0.03),
      "the sharpness of channel 2 is above that of 97 % of the training cases"
    ),
    (
      DomainShift.Difference(feature: AppearanceFeature.all(channels: 1)[0], distance: 1, shareBelow: 0, shareAbove: 1),
      "the share of tissue is below that of all training cases"
    ),
    (
      DomainShift.Difference(
        feature: AppearanceFeature.all(channels: 1)[9], distance: 1, shareBelow: 0.5, shareAbove: 0.5),
      "the noise varies otherwise than among the training cases"
    ),
  ]) func `a difference is told in words`(difference: DomainShift.Difference, sentence: String) {
    #expect(difference.sentence == sentence)
  }
}

/// Three channels of one phantom, mixed so that each has a contrast of its own.
private func sequences(seed: UInt64, order: [Int] = [0, 1, 2]) -> [Image] {
  Phantom(seed: seed, hasLesions: false).slices[1...2].map { slice in
    var random = RandomGenerator(seed: seed + 99)
    var image = Image(width: Phantom.edge, height: Phantom.edge, channels: 3)
    for (pixel, value) in slice.image.samples.enumerated() {
      let channels = [value, value * value, (value * (1.1 - value) * 2 + 0.02 * random.normal())]
      for c in 0..<3 { image.samples[pixel * 3 + c] = 300 * channels[order[c]] }
    }
    return image
  }
}

struct ChannelShiftTests {
  static let preparation = Preparation(
    normalization: Normalization(method: .robust, scope: .scan), reduction: 1, channels: 3)

  static func appearances(_ seeds: Range<UInt64>, _ scans: (UInt64) -> [Image]) -> [Appearance] {
    seeds.map { Appearance(of: preparation.prepare(scans($0)).map(\.scan)) }
  }

  static let shift: DomainShift = {
    let cases = appearances(0..<30) { sequences(seed: $0) }
    return DomainShift(DomainReference(channels: 3, training: Array(cases[..<18]), heldOut: Array(cases[18...])))!
  }()

  @Test func `swapped channels are told apart, the right order is not`() {
    #expect(Self.shift.outcome(ofStudy: Self.appearances(100..<108) { sequences(seed: $0) }) == .alike)
    #expect(
      isShifted(Self.shift.outcome(ofStudy: Self.appearances(100..<108) { sequences(seed: $0, order: [1, 0, 2]) })))
  }

  @Test func `photographs of a retina are told apart from scans of a head`() {
    let cases = Self.appearances(100..<106) { [Image.fundus(channels: 3, seed: $0)] }
    #expect(isShifted(Self.shift.outcome(ofStudy: cases)))
    #expect(cases.allSatisfy { Self.shift.outcome(ofCase: $0)!.isFar })
  }
}

extension Image {
  fileprivate func mapped(_ change: (Float) -> Float) -> Image {
    Image(width: width, height: height, channels: channels, samples: samples.map(change), pixelSize: pixelSize)
  }

  /// Adds Gaussian noise of a share of the brightest value.
  fileprivate func noisy(_ share: Float) -> Image {
    var random = RandomGenerator(seed: UInt64(samples.count { $0 > 10 }))
    let deviation = share * samples.max()!
    return mapped { $0 + deviation * random.normal() }
  }

  fileprivate func cropped(to edge: Int) -> Image {
    var result = Image(width: edge, height: edge, channels: channels, pixelSize: pixelSize)
    let (x0, y0) = ((width - edge) / 2, (height - edge) / 2)
    for y in 0..<edge {
      for x in 0..<edge {
        for c in 0..<channels { result[x, y, c] = self[x + x0, y + y0, c] }
      }
    }
    return result
  }

  /// A bright disk on black with a brighter spot and dark branches; red over green over blue.
  fileprivate static func fundus(channels: Int, seed: UInt64 = 1) -> Image {
    var random = RandomGenerator(seed: seed)
    let edge = 160
    let texture = NoiseField.smooth(cells: 6, edge: edge, using: &random)
    let shade: [Float] = [190, 100, 45]
    var image = Image(width: edge, height: edge, channels: channels)
    for y in 0..<edge {
      for x in 0..<edge {
        let (dx, dy) = (Float(x) - 80, Float(y) - 80)
        guard hypot(dx, dy) < 76 else { continue }
        let vessel = exp(-pow(dy - 20 * sin(dx / 25), 2) / 6)
        let spot = exp(-(pow(dx - 40, 2) + dy * dy) / 100)
        for c in 0..<channels {
          let value = shade[c] * (1 + 0.1 * texture[y * edge + x] - 0.4 * vessel + 0.4 * spot)
          image[x, y, c] = (value + random.normal()).rounded()
        }
      }
    }
    return image
  }
}
