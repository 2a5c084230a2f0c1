import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

struct LatentReferenceTests {
  @Test func `held-out scans lie among the training scans, noise does not`() throws {
    let model = try TinyStudy.model.get()
    let latents = try #require(model.latents)
    let known = latents.heldOut.joined().map(latents.distance)
    #expect(!known.isEmpty && known.allSatisfy { $0.isFinite && $0 > 0 })
    let inference = Inference(
      network: try model.network(engine: Engine(), path: ""), scoreNetwork: nil, preparation: model.preparation,
      settings: model.inference)
    // Stripes: as bright as healthy scans, but nothing like them.
    var stripes = TinyStudy.scan(seed: 60)
    for y in 0..<stripes.height {
      for x in 0..<stripes.width where stripes[x, y] > 0 { stripes[x, y] = x % 4 < 2 ? 60 : 140 }
    }
    let scans = model.preparation.prepare([TinyStudy.scan(seed: 61), stripes]).map(\.scan)
    let distances = try inference.maps(of: scans).map { latents.distance(of: $0.encoding) }
    #expect(distances[0] < 3 * known.max()!)
    #expect(distances[1] > distances[0], "\(distances)")
  }

  @Test func `an encoding is the mean of the posterior means`() throws {
    let model = try TinyStudy.model.get()
    let network = try model.network(engine: Engine(), path: "")
    let inference = Inference(
      network: network, scoreNetwork: nil, preparation: model.preparation, settings: model.inference)
    let scan = model.preparation.prepare([TinyStudy.scan(seed: 62)])[0].scan
    let found = try inference.maps(of: [scan])[0].encoding
    let input = try Tensor(Shape(1, TinyStudy.edge, TinyStudy.edge, 1), engine: network.engine)
    for i in scan.image.samples.indices { input.values[i] = scan.image.samples[i] }
    var none: RandomGenerator?
    _ = try network.forward(input, sampling: &none)
    var expected: [Float] = []
    for latent in network.latents.compactMap({ $0 }) {
      let k = latent.shape.c
      for c in 0..<k {
        let values = stride(from: c, to: latent.values.count, by: k).map { latent.values[$0] }
        expected.append(values.reduce(0, +) / Float(values.count))
      }
    }
    #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func `the map's first direction is the one of most spread`() throws {
    let model = try TinyStudy.model.get()
    let latents = try #require(model.latents)
    guard let map = latents.map else { return #expect(latents.heldOut.joined().count < 3) }
    let places = map.joined()
    func spread(_ axis: Int) -> Double { places.reduce(0) { $0 + $1[axis] * $1[axis] } }
    #expect(places.count == latents.heldOut.joined().count)
    #expect(spread(0) >= spread(1))
    #expect(abs(places.reduce(0) { $0 + $1[0] }) < 1e-6, "about the center")
  }

  @Test func `a scan's place in latent space is one of the features of a case`() throws {
    let model = try TinyStudy.model.get()
    let place = try #require(AppearanceFeature.all(channels: 1).firstIndex { $0.kind == .encoding })
    #expect(model.domain?.heldOut.allSatisfy { $0.values[place] != nil } == true)
    #expect(model.domain?.training.allSatisfy { $0.values[place] == nil } == true, "the model knows these cases")
    let image = TinyStudy.scan(seed: 63)
    let findings = try Scorer(model, path: "", engine: Engine())
      .analyze(ScanGroup([image], prepared: model.preparation.prepare([image])), rate: 0.3)[0].findings
    #expect(findings.appearance?.values[place]?.isFinite == true)
  }
}
