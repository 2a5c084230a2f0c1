import Files
import Foundation
import Threads

/// The processes that `mpirun` or `srun` started to compute together, seen from one of them.
///
/// All processes call the same functions in the same order; each call waits until all have made it. A process that
/// waits also checks whether the others are still running, because Open MPI does not tell them when a process was
/// killed.
package final class Ranks {
  /// Number of this process, counted from 0.
  package let rank: Int
  package let count: Int
  /// Numbers of the processes on this machine that ended while others waited for them; processes on other machines may
  /// have ended too.
  package private(set) var lost: [Int] = []
  /// Whether calls can still be made; none can after a call that did not complete.
  package private(set) var isWhole = true
  let mpi: MPI
  private var peers: [Peer] = []
  private var lastLook = 0.0
  private var askedToEnd: Double?

  private struct Peer {
    /// Hash of the machine's boot id and process number space.
    let machine: Double
    let process: Int32
    /// Hash of the set of processors that the process may use.
    let processors: Double
  }

  package var isFirst: Bool { rank == 0 }

  /// Seconds between the launcher's request to end and its kill, less the time that writing a checkpoint takes: Open
  /// MPI's `odls_base_sigkill_timeout` is one second.
  private static let secondsOfGrace = 0.3
  /// Longer than any step takes; if a process on another machine does not answer for this long, it is considered lost.
  private static let secondsOfPatience = 1800.0

  /// The number of processes that were started together, according to the environment; 1 for a process that was started
  /// alone.
  package static func announced(in environment: [String: String]) -> Int {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    if let count = number("OMPI_COMM_WORLD_SIZE") { return count }
    // Slurm tasks without a shared PMIx are independent of each other, such as trainings with several seeds.
    guard environment["PMIX_RANK"] != nil else { return 1 }
    return number("SLURM_STEP_NUM_TASKS") ?? number("SLURM_NTASKS") ?? 1
  }

  /// Connects to the other processes.
  ///
  /// - Parameter environment: environment variables of this process.
  /// - Returns: `nil` if this process was started alone.
  /// - Throws: an error that says, as a clause, why the processes do not find each other.
  package static func join(environment: [String: String]) throws -> Ranks? {
    let announced = announced(in: environment)
    guard announced > 1 else { return nil }
    let ranks = Ranks(try MPI())
    guard ranks.count == announced else {
      throw MPI.Fault(description: "it connects \(ranks.count) of \(Count.of(announced, "process", "processes"))")
    }
    try ranks.meet()
    ranks.shareProcessors(environment)
    return ranks
  }

  private init(_ mpi: MPI) {
    self.mpi = mpi
    rank = mpi.rank
    count = mpi.size
  }

  /// Waits for the other processes and ends MPI, if that is still possible.
  package func leave() {
    // A launcher that is ending its processes no longer answers calls of `MPI_Finalize`. It may kill all processes as
    // soon as one has ended, so the others wait up to a second for the first, which still has to save and report.
    if isWhole, Interruption.signal == nil {
      mpi.finalize()
    } else if !isFirst {
      let start = Self.now()
      while !isGone(0), Self.now() - start < 1 { usleep(5000) }
    }
    isWhole = false
  }

  /// Ends without the others, in the middle of a computation; they will find this process lost.
  package func breakOff() { isWhole = false }

  /// Adds up the values of all processes, in place.
  ///
  /// Each process also sends whether it was asked to end; if any was, the first process acts as if it had received the
  /// signal itself.
  package func sum(_ values: inout [Double]) throws {
    guard isWhole else { throw Lost() }
    var sent = values + [Interruption.signal == nil ? 0 : 1]
    try sent.withUnsafeMutableBufferPointer { sent throws in
      try wait(for: try mpi.startSum(sent))
    }
    if isFirst, sent.removeLast() > 0 { Interruption.note() }
    values = Array(sent.prefix(values.count))
  }

  /// - Parameter value: the value to send; only the first process's counts.
  /// - Returns: the first process's value.
  package func broadcast<T: BitwiseCopyable>(_ value: T) throws -> T {
    guard isWhole else { throw Lost() }
    var value = value
    try withUnsafeMutableBytes(of: &value) { bytes throws in
      try wait(for: try mpi.startBroadcast(bytes))
    }
    return value
  }

  /// Sends the first process's bytes to all processes and returns them.
  package func broadcast(_ bytes: [UInt8]) throws -> [UInt8] {
    let count = try broadcast(bytes.count)
    var bytes = isFirst ? bytes : [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBufferPointer { values throws in
      let bytes = UnsafeMutableRawBufferPointer(values)
      // MPI counts in 32 bits, so send at most 2^30 bytes at once.
      for first in stride(from: 0, to: count, by: 1 << 30) {
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[first..<min(count, first + 1 << 30)])
        try wait(for: try mpi.startBroadcast(part))
      }
    }
    return bytes
  }

  /// - Throws: `Lost` if the other processes will not answer, or an error that `look` throws.
  func wait(for request: MPI.Request) throws {
    var request = request
    var looks = 0
    let start = Self.now()
    while try !isDone(&request) {
      looks += 1
      // Most answers come within microseconds; after that, sleep to leave the processor to others.
      if looks < 500 { sched_yield() } else { usleep(looks < 2000 ? 50 : 500) }
      try look()
      if isFirst, looks > 2000, Self.now() - start > Self.secondsOfPatience { try giveUp(Lost()) }
    }
  }

  /// Whether the communication is complete; lets MPI make progress on it.
  func isDone(_ request: inout MPI.Request) throws -> Bool {
    do { return try mpi.isDone(&request) } catch { try giveUp(Lost()) }
  }

  /// Checks, at most every 20 milliseconds, whether it makes sense to go on.
  ///
  /// - Throws: `Lost` if a process is gone. On the first process, if it was asked to end and the launcher will not
  ///   leave enough time to finish the current step: `Stopped`, or `Lost` if processes run on several machines.
  func look() throws {
    let now = Self.now()
    guard now - lastLook >= 0.02 else { return }
    lastLook = now
    if peers.indices.contains(where: isGone) { try giveUp(Lost()) }
    guard isFirst, Interruption.signal != nil else { return }
    let asked = askedToEnd ?? now
    askedToEnd = asked
    if now - asked > Self.secondsOfGrace {
      try giveUp(
        peers.contains { $0.machine != peers[rank].machine } ? Lost() : Stopped(signal: Interruption.signal ?? SIGTERM))
    }
  }

  private func giveUp(_ error: any Error) throws -> Never {
    isWhole = false
    lost = peers.indices.filter(isGone)
    throw error
  }

  private func isGone(_ index: Int) -> Bool {
    let peer = peers[index]
    return peer.machine == peers[rank].machine && kill(peer.process, 0) != 0 && errno == ESRCH
  }

  private func meet() throws {
    let facts = [Self.machine(), Double(getpid()), Self.processors()]
    var all = [Double](repeating: 0, count: facts.count * count)
    for (k, fact) in facts.enumerated() { all[rank * facts.count + k] = fact }
    try sum(&all)
    peers = (0..<count).map { k in
      let facts = all[k * facts.count..<(k + 1) * facts.count]
      return Peer(
        machine: facts[facts.startIndex], process: Int32(facts[facts.startIndex + 1]),
        processors: facts[facts.startIndex + 2])
    }
  }

  /// Divides the threads among processes on the same processors: without this, processes that the launcher bound to the
  /// same processors, or to none, would each start a thread on every one.
  private func shareProcessors(_ environment: [String: String]) {
    guard environment["OMP_NUM_THREADS"] == nil else { return }
    let own = peers[rank]
    let sharing = peers.count { $0.machine == own.machine && $0.processors == own.processors }
    let share = max(1, Parallel.threads / sharing)
    Parallel.setThreads(min(share, environment["SLURM_CPUS_PER_TASK"].flatMap { Int($0) }.map { max(1, $0) } ?? share))
  }

  private static func machine() -> Double {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    return digest(boot + space)
  }

  private static func processors() -> Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    return digest(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") } ?? "")
  }

  /// FNV-1a hash; keeps the upper 48 bits, which a `Double` holds exactly.
  private static func digest(_ text: some StringProtocol) -> Double {
    Double(text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } >> 16)
  }

  /// Seconds from a fixed moment; changes of the system's clock do not affect it.
  private static func now() -> Double { ProcessInfo.processInfo.systemUptime }
}

extension Ranks {
  /// The error that another process of the same computation is gone.
  package struct Lost: Error, CustomStringConvertible {
    package let description = "A process that was started together with this one is gone. Run the same command again."
  }
}
