import Foundation
import Synchronization

/// Loops over independent chunks, run on the same threads that oneDNN computes with.
///
/// A second pool would compete with oneDNN's for the cores, since OpenMP's threads spin for a while after each
/// primitive. Two OpenMP runtimes export `GOMP_parallel`: GCC's, on which Debian's oneDNN is built, and LLVM's. If
/// neither is loaded, the loop runs on the calling thread. The number of chunks never depends on the number of threads,
/// so that sums over chunks have the same bits everywhere.
package enum Parallel {
  private typealias Start =
    @convention(c) (@convention(c) (UnsafeMutableRawPointer?) -> Void, UnsafeMutableRawPointer?, UInt32, UInt32) -> Void
  private typealias Count = @convention(c) () -> Int32

  private struct Runtime: Sendable {
    let start: Start
    let threadNumber: Count
    let threadCount: Count
  }

  private static let runtime: Runtime? = {
    guard let start = dlsym(nil, "GOMP_parallel"), let number = dlsym(nil, "omp_get_thread_num"),
      let count = dlsym(nil, "omp_get_num_threads")
    else { return nil }
    return Runtime(
      start: unsafeBitCast(start, to: Start.self), threadNumber: unsafeBitCast(number, to: Count.self),
      threadCount: unsafeBitCast(count, to: Count.self))
  }()

  /// Number of threads of a parallel loop, oneDNN's included: the processors this process may use, or
  /// `OMP_NUM_THREADS`.
  package static var threads: Int {
    guard runtime != nil, let ask = dlsym(nil, "omp_get_max_threads") else { return 1 }
    return Int(unsafeBitCast(ask, to: Count.self)())
  }

  /// More threads than that have no stacks to run on.
  private static let mostThreads = 256

  /// Lowers a number of threads from the environment with which no loop could begin.
  package static func limitThreads() { if threads > mostThreads { setThreads(mostThreads) } }

  /// Sets the number of threads of all later parallel loops, oneDNN's included.
  package static func setThreads(_ count: Int) {
    typealias Set = @convention(c) (Int32) -> Void
    if let set = dlsym(nil, "omp_set_num_threads") { unsafeBitCast(set, to: Set.self)(Int32(count)) }
  }

  /// Indices that threads take one after the other.
  private final class Queue: Sendable {
    private let next = Atomic(0)

    func take(below count: Int) -> Int? {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      return index < count ? index : nil
    }
  }

  private final class Work: Sendable {
    let chunks: Int
    let order: Order
    let body: @Sendable (Int) -> Void
    let runtime: Runtime
    private let queue = Queue()

    init(chunks: Int, order: Order, body: @escaping @Sendable (Int) -> Void, runtime: Runtime) {
      self.chunks = chunks
      self.order = order
      self.body = body
      self.runtime = runtime
    }

    /// Runs the chunks that fall to the calling thread.
    func run() {
      switch order {
      case .near:
        let (threads, thread) = (Int(runtime.threadCount()), Int(runtime.threadNumber()))
        for chunk in chunks * thread / threads..<chunks * (thread + 1) / threads { body(chunk) }
      case .free:
        while let chunk = queue.take(below: chunks) { body(chunk) }
      }
    }
  }

  /// How chunks are assigned to threads.
  @usableFromInline enum Order {
    /// Each thread gets neighbouring chunks, as oneDNN divides maps: the data a thread has just computed is in its
    /// cache.
    case near
    /// Each free thread takes the next chunk; for chunks that take unequal time.
    case free
  }

  /// Calls `body` once for every chunk in `0..<chunks`, in no order; returns when all are done. All chunks should be
  /// about as much work.
  ///
  /// A loop started within a chunk of another loop runs on the thread of that chunk.
  ///
  /// - Parameter body: work on one chunk; it writes to shared memory through `SplitBuffer`.
  package static func run(chunks: Int, _ body: @Sendable (Int) -> Void) { run(chunks: chunks, .near, body) }

  @usableFromInline static func run(chunks: Int, _ order: Order, _ body: @Sendable (Int) -> Void) {
    guard chunks > 1, let runtime else { return (0..<chunks).forEach(body) }
    withoutActuallyEscaping(body) { body in
      let work = Work(chunks: chunks, order: order, body: body, runtime: runtime)
      withExtendedLifetime(work) {
        runtime.start(
          { context in Unmanaged<Work>.fromOpaque(context!).takeUnretainedValue().run() },
          Unmanaged.passUnretained(work).toOpaque(), 0, 0)
      }
    }
  }
}

extension Parallel {
  /// Calls `body` for every index in `0..<count` on all threads and returns the results in the order of the indices.
  /// One call may take longer than another.
  ///
  /// - Throws: if several calls fail, the error of the lowest index.
  @inlinable package static func map<T: Sendable, E: Error>(
    _ count: Int, _ body: @Sendable (Int) throws(E) -> T
  ) throws(E) -> [T] {
    var results = [Result<T, E>?](repeating: nil, count: count)
    results.withSplitBuffer { results in
      run(chunks: count, .free) { index in
        do throws(E) { results[index] = .success(try body(index)) } catch { results[index] = .failure(error) }
      }
    }
    return try results.map { result throws(E) in try result!.get() }
  }

  /// Calls `body` for every part on all threads, for work that itself has loops and primitives of oneDNN: all of it runs
  /// on the one thread of the call, and what oneDNN prepares there it prepares for one thread. No part is used by two
  /// calls, so that it need not be `Sendable`.
  ///
  /// - Throws: if several calls fail, the error of the first part.
  package static func apart<Part, T: Sendable>(
    _ parts: [Part], _ body: @Sendable (Part) throws -> T
  ) throws -> [T] {
    let usual = threads
    var parts = parts
    return try parts.withSplitBuffer { parts in
      try map(parts.count) { index in
        // Within a parallel loop the setting is the thread's own, and ends with the loop. A loop of one call is none.
        setThreads(1)
        defer { setThreads(usual) }
        return try body(parts[index])
      }
    }
  }

  /// Calls `body` for every index in `0..<count`, each with one of the workers, which take the next index as they become
  /// free; otherwise like the function above. Which worker gets an index is not determined.
  ///
  /// - Returns: the results in the order of the indices.
  package static func apart<Worker, T: Sendable>(
    _ workers: [Worker], count: Int, _ body: @Sendable (Worker, Int) throws -> T
  ) throws -> [T] {
    let queue = Queue()
    let found = try apart(workers) { worker in
      var results: [(index: Int, result: T)] = []
      while let index = queue.take(below: count) { results.append((index, try body(worker, index))) }
      return results
    }
    return found.joined().sorted { $0.index < $1.index }.map(\.result)
  }

  /// Changes two values at once, one thread each; returns when both are done.
  package static func both<A: Sendable, B: Sendable>(
    _ a: inout A, _ b: inout B, _ first: @Sendable (inout A) -> Void, _ second: @Sendable (inout B) -> Void
  ) {
    withUnsafeMutablePointer(to: &a) { a in
      withUnsafeMutablePointer(to: &b) { b in
        let (a, b) = (SplitBuffer(a, count: 1), SplitBuffer(b, count: 1))
        run(chunks: 2) { side in if side == 0 { first(&a.start.pointee) } else { second(&b.start.pointee) } }
      }
    }
  }
}
