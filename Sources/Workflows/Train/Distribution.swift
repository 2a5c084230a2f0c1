import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Threads

/// A training over the processes that `mpirun` or `srun` started together, all with the same command line. The first of
/// them reads the clock, writes and speaks; the others speak only where they alone know what is the matter.
package struct Distribution {
  /// `nil` where this process was started alone.
  let ranks: Ranks?
  /// Model file of the command, for messages.
  let output: String

  private static let remedy = "Give every process the same files and the same command line"

  /// Meets the other processes, where the environment says that there are some.
  package static func join(output: String) throws -> Ranks? {
    do { return try Ranks.join(environment: ProcessInfo.processInfo.environment) } catch {
      throw NormaError(
        .system, subject: output,
        found: "the processes that mpirun or srun started cannot work together (\(error))",
        remedy: "Install Open MPI, Debian's libopenmpi3, and start norma with its mpirun or with srun --mpi=pmix; or "
          + "start norma alone")
    }
  }

  /// This process ends for a reason that another has told.
  package struct Elsewhere: Error {
    /// The other process ended since the command line is wrong. mpirun ends with the status of the process that ended
    /// first, so that all should end with the same.
    package var isUsage = false
  }

  /// What every process does by itself before they compute together; where one fails all end, and one says why.
  func together<T>(_ body: () throws -> T) throws -> T {
    guard let ranks else { return try body() }
    let result = Result { try body() }
    var failures = [0.0, 0.0]  // of the first process, of all
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

  /// - Throws: where the first process has other scans, or another command line.
  func checkAgreement(on trainer: Trainer) throws {
    guard let ranks else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let own = [UInt8]((output + trainer.set.digest).utf8) + (try encoder.encode(trainer.settings))
    guard try ranks.broadcast(own) != own else { return }
    throw NormaError(
      .system, subject: output, found: "process 0 was given other scans or other options", remedy: Self.remedy)
  }

  /// What made this process fail, and no other.
  func failure(_ error: any Error) -> NormaError {
    NormaError(
      .system, subject: output,
      found: "process \(ranks?.rank ?? 0) of \(ranks?.count ?? 1) cannot train along: \(error)",
      remedy: Self.remedy)
  }

  /// What to say of processes that are gone; the first of those that are left says it.
  ///
  /// - Parameter checkpoint: that can be gone on from; `nil` where there is none.
  func account(checkpoint: String?) -> any Error {
    // The first process may have ended because it was asked to, as this one was; then it has said so.
    guard let ranks, (0..<ranks.count).first(where: { !ranks.lost.contains($0) }) == ranks.rank,
      ranks.isFirst || Interruption.signal == nil
    else { return Elsewhere() }
    let names = ranks.lost.map { "\($0)" }.joined(separator: " and ")
    return NormaError(
      .system, subject: output,
      found: names.isEmpty
        ? "training was stopped, and a process on another machine did not answer"
        : "training was stopped, since of its \(ranks.count) processes number \(names) ended before the others",
      remedy: checkpoint.map { "What was learned is kept in \($0): run the same command again with --resume to go on" }
        ?? "Nothing was learned yet: run the same command again")
  }
}
