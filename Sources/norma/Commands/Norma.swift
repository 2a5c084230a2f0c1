import ArgumentParser
internal import CSystem
import Foundation
import Logging
import Threads
import Workflows

/// The command line: parses arguments, runs a command, and turns every error into one sentence and an exit status.
@main
struct Norma: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "norma",
    abstract: "Finds what is abnormal in medical scans by learning what healthy tissue looks like.",
    discussion: CommandHelp.text(
      """
      A variational autoencoder learns healthy scans; what it cannot reconstruct in another scan becomes a calibrated
      heatmap, an HTML report and a row in a SQLite index. For research use; not a diagnosis.

      Exit status: 0 all done, 1 something failed or a case was not examined and the output says what, 2 the command
      line is wrong, 130 or 143 stopped by Ctrl-C or kill with all that was finished kept, 141 the reader of the output
      has gone.
      """),
    version: ToolVersion.current,
    subcommands: [
      DemoCommand.self, TrainCommand.self, AnalyzeCommand.self, MergeCommand.self, SlurmCommand.self,
      StatusCommand.self, CasesCommand.self,
      ReviewCommand.self,
      ReportCommand.self, VerifyCommand.self,
      ExportCommand.self, EvaluateCommand.self, InspectCommand.self, SampleCommand.self, TraverseCommand.self,
      InterpolateCommand.self, EditCommand.self, AttributeCommand.self, AugmentCommand.self, ModelCommand.self,
      FeaturesCommand.self, SchemaCommand.self, VersionCommand.self,
    ])

  static func main() {
    norma_require_processor()
    // Batches allocate pictures of the same sizes again and again. If the memory went back to the system in between,
    // the system would have to clear it each time.
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, 1 << 28)
    // `norma cases | head` ends quietly, even if norma inherited another handler. See `Interruption.listen` for
    // batches.
    signal(SIGPIPE, SIG_DFL)
    StandardOutput.reserve()
    Parallel.limitThreads()
    let status = run()
    do { try StandardOutput.finish(status) } catch {
      Logger.norma.report(error)
      Foundation.exit(max(status, ExitStatus.failed))
    }
    Foundation.exit(status)
  }

  /// Runs the command of the command line.
  ///
  /// - Returns: the exit status.
  private static func run() -> Int32 {
    var command: any ParsableCommand = Norma()
    let arguments = Array(CommandLine.arguments.dropFirst())
    let misspelling = Misspelling(commands: Norma.self, called: "norma", passing: ["slurm"])
    if let sentence = misspelling.ofCommand(in: arguments) {
      startLog(of: command)
      return usage(sentence)
    }
    do {
      defer { startLog(of: command) }
      command = try parseAsRoot()
    } catch {
      if !exitCode(for: error).isSuccess, let sentence = misspelling.ofOption(in: arguments) {
        return usage(sentence)
      }
      return status(of: error, isRunning: false)
    }
    do {
      try command.run()
      return 0
    } catch { return status(of: error, isRunning: true) }
  }

  private static func usage(_ sentence: String) -> Int32 {
    Terminal.writeLine("Error: " + sentence)
    return ExitStatus.usage
  }

  /// Says why a command has ended.
  private static func status(of error: any Error, isRunning: Bool) -> Int32 {
    switch error {
    case let code as ExitCode: return code.rawValue
    case let stop as Stopped:
      Logger.norma.report(stop)
      return stop.exitStatus
    case _ where exitCode(for: error).isSuccess:
      // ArgumentParser throws to show help and version.
      StandardOutput.write(fullMessage(for: error) + "\n")
      return 0
    case _ where !isRunning || error is ValidationError || error is UsageError:
      Terminal.writeLine(fullMessage(for: (error as? UsageError).map { ValidationError($0.description) } ?? error))
      return ExitStatus.usage
    default:
      Logger.norma.report(error)
      return ExitStatus.failed
    }
  }

  private static func startLog(of command: any ParsableCommand) {
    if let logged = command as? any LoggedCommand { LogFormat.current = logged.log.logFormat }
    let name = type(of: command).configuration.commandName ?? "norma"
    LoggingSystem.bootstrap { _ in StandardErrorLog(command: name) }
  }
}
