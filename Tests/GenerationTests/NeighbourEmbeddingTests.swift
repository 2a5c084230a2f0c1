import Compute
import Generation
import Numerics
import Testing

struct NeighbourEmbeddingTests {
  /// Three clouds far apart in ten dimensions.
  private static let clouds: [[Double]] = {
    var random = RandomGenerator(seed: 8)
    return (0..<60).map { k in (0..<10).map { ($0 == k / 20 ? 10 : 0) + Double(random.normal()) } }
  }()

  private static var start: [SIMD2<Double>] {
    clouds.map { SIMD2($0[0] + 0.3 * $0[2], $0[1] - 0.2 * $0[3]) }
  }

  @Test func `a point's neighbours are of its own cloud`() {
    let places = NeighbourEmbedding.places(of: Self.clouds, from: Self.start)
    for i in places.indices {
      let nearest = places.indices.filter { $0 != i }.min {
        let (a, b) = (places[$0] - places[i], places[$1] - places[i])
        return (a * a).sum() < (b * b).sum()
      }
      #expect(nearest! / 20 == i / 20)
    }
  }

  @Test func `places are the same every time, about the origin, and finite`() {
    let places = NeighbourEmbedding.places(of: Self.clouds, from: Self.start)
    #expect(places == NeighbourEmbedding.places(of: Self.clouds, from: Self.start))
    let sum = places.reduce(.zero, +)
    #expect(abs(sum.x) < 1e-6 && abs(sum.y) < 1e-6)
    #expect(places.allSatisfy { $0.x.isFinite && $0.y.isFinite })
  }

  @Test func `points that are all the same stay finite`() {
    let same = [[Double]](repeating: [1, 2, 3], count: 6)
    let places = NeighbourEmbedding.places(of: same, from: (0..<6).map { SIMD2(Double($0), 0) })
    #expect(places.allSatisfy { $0.x.isFinite && $0.y.isFinite })
  }
}
