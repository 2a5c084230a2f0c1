import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Threads

/// A training shared by processes that `mpirun` or `srun` started together with the same command line. The first
/// process reads the clock, writes files and prints messages. The others print only errors that they alone know about.
package struct Distribution {
  /// The processes; `nil` if this one was started alone.
  let ranks: Ranks?
  /// The command's model file, for messages.
  let output: String

  private static let remedy = "Give every process the same files and the same command line"

  /// Connects to the other processes if the environment says that there are any.
  package static func join(output: String) throws -> Ranks? {
    do { return try Ranks.join(environment: ProcessInfo.processInfo.environment) } catch {
      throw NormaError(
        .system, subject: output,
        found: "the processes that mpirun or srun started cannot work together (\(error))",
        remedy: "Install Open MPI, Debian's libopenmpi3, and start norma with its mpirun or with srun --mpi=pmix; or "
          + "start norma alone")
    }
  }

  /// Ends this process for a reason that another process has reported.
  package struct Elsewhere: Error {
    /// Whether the other process ended because the command line is wrong. mpirun ends with the status of the process
    /// that ended first, so all processes should end with the same status.
    package var isUsage = false
  }

  /// Runs `body` in every process before they compute together. If it fails in one, all end, and one reports why.
  func together<T>(_ body: () throws -> T) throws -> T {
    guard let ranks else { return try body() }
    let result = Result { try body() }
    var failures = [0.0, 0.0]  // number of failures in the first process, and in all
    if case .failure = result { failures = [ranks.isFirst ? 1 : 0, 1] }
    do { try ranks.sum(&failures) } catch {
      if case .failure(let own) = result, ranks.isFirst { throw own }
      throw error is Ranks.Lost ? account(checkpoint: nil) : error
    }
    guard failures[1] > 0 else { return try result.get() }
    guard case .failure(let error) = result else { throw Elsewhere() }
    guard ranks.isFirst || failures[0] == 0 else {
      throw Elsewhere(isUsage: error is UsageError)
    }
    throw ranks.isFirst ? error : failure(error)
  }

  /// - Throws: where the first process has other scans or another command line.
  func checkAgreement(on trainer: Trainer) throws {
    guard let ranks else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let own = [UInt8]((output + trainer.set.digest).utf8) + (try encoder.encode(trainer.settings))
    guard try ranks.broadcast(own) != own else { return }
    throw NormaError(
      .system, subject: output, found: "process 0 was given other scans or other options", remedy: Self.remedy)
  }

  /// The error for a failure in this process only.
  func failure(_ error: any Error) -> NormaError {
    NormaError(
      .system, subject: output,
      found: "process \(ranks?.rank ?? 0) of \(ranks?.count ?? 1) cannot train along: \(error)",
      remedy: Self.remedy)
  }

  /// The error that reports lost processes; the first of the remaining processes reports it.
  ///
  /// - Parameter checkpoint: the checkpoint to continue from; `nil` if there is none.
  func account(checkpoint: String?) -> any Error {
    // The first process may have been asked to end, as this one was. Then it has reported that itself.
    guard let ranks, (0..<ranks.count).first(where: { !ranks.lost.contains($0) }) == ranks.rank,
      ranks.isFirst || Interruption.signal == nil
    else { return Elsewhere() }
    let names = ranks.lost.map { "\($0)" }.joined(separator: " and ")
    return NormaError(
      .system, subject: output,
      found: names.isEmpty
        ? "training was stopped, and a process on another machine did not answer"
        : "training was stopped, since of its \(Count.of(ranks.count, "process", "processes")) number \(names) ended before the others",
      remedy: checkpoint.map { "What was learned is kept in \($0): run the same command again with --resume to go on" }
        ?? "Nothing was learned yet: run the same command again")
  }
}
