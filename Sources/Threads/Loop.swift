/// How independent pieces of work are done: one after the other, or on whatever threads the caller has.
package struct Loop: Sendable {
  private let run: @Sendable (Int, (Int) -> Void) -> Void

  /// - Parameter run: calls its second argument once for every number below the first, and returns when all are done.
  package init(_ run: @escaping @Sendable (Int, (Int) -> Void) -> Void) { self.run = run }

  package static let serial = Loop { count, body in (0..<count).forEach(body) }

  /// On the threads that oneDNN computes with.
  package static let onAllThreads = Loop { count, body in _ = Parallel.map(count, body) }

  package func callAsFunction(_ count: Int, _ body: (Int) -> Void) { run(count, body) }

  /// `body` of every number below a count, in their order.
  package func map<T>(_ count: Int, _ body: (Int) -> T) -> [T] {
    var results = [T?](repeating: nil, count: count)
    results.withUnsafeMutableBufferPointer { results in
      nonisolated(unsafe) let results = results
      run(count) { results[$0] = body($0) }
    }
    return results.map { $0! }
  }
}
