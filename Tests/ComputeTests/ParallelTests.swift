import Testing
import Threads

/// Loops over chunks, on all threads.
@Suite struct ParallelTests {
  @Test func `every chunk writes its own part of a buffer`() {
    var values = [Int](repeating: -1, count: 60)
    values.withSplitBuffer { values in
      Parallel.run(chunks: 12) { chunk in
        let own = values.part(chunk, of: 12)
        for place in own.indices { own[place] = 10 * chunk + place }
      }
    }
    #expect(values == (0..<60).map { 10 * ($0 / 5) + $0 % 5 })
  }

  @Test func `a loop within a chunk does all of its chunks`() {
    let sums = Parallel.map(7) { k in Parallel.map(k) { $0 }.reduce(0, +) }
    #expect(sums == [0, 0, 1, 3, 6, 10, 15])
  }

  @Test func `two values are changed at once`() {
    var (names, count) = (["a"], 1)
    Parallel.both(&names, &count) {
      $0.append("b")
    } _: {
      $0 += 1
    }
    #expect(names == ["a", "b"] && count == 2)
  }

  @Test func `of several errors the one of the lowest index is thrown`() {
    struct Fault: Error, Equatable { let index: Int }
    let error = #expect(throws: Fault.self) {
      try Parallel.map(9) { k throws(Fault) in if k % 4 == 3 { throw Fault(index: k) } }
    }
    #expect(error == Fault(index: 3))
  }
}
