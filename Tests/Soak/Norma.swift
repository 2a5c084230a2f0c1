import Foundation

/// The norma that was built beside this program, run as a user runs it, and watched.
struct Norma {
  /// How a run looked from outside at one moment.
  struct Sample {
    var seconds: Double
    /// Of the processors, of all threads.
    var processorSeconds: Double
    var residentBytes: Double
    var descriptors: Int
    /// What the caller counts.
    var progress: Int
  }

  /// What came of a run.
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
    var seconds: Double
    var processorSeconds: Double
    var peakBytes: Double
    var samples: [Sample]
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("norma").path

  /// - Parameters:
  ///   - environment: set beside this program's own.
  ///   - interval: seconds between samples.
  ///   - progress: called for every sample.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], every interval: Double = 0.25,
    progress: () -> Int = { 0 }
  ) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, errors) = (folder.path + "/output", folder.path + "/errors")
    let start = ContinuousClock.now
    let process = try spawn([path] + arguments, environment: environment, output: output, errors: errors)
    var samples: [Sample] = []
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, WNOHANG, &usage) == 0 {
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      if seconds >= Double(samples.count) * interval,
        let sample = sample(of: process, seconds: seconds, progress: progress())
      {
        samples.append(sample)
      }
      usleep(5000)
    }
    return Outcome(
      status: status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F),
      output: try String(contentsOfFile: output, encoding: .utf8),
      errors: try String(contentsOfFile: errors, encoding: .utf8), seconds: (ContinuousClock.now - start) / .seconds(1),
      processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime), peakBytes: Double(usage.ru_maxrss) * 1024,
      samples: samples)
  }

  /// As `run`, for a command that has to end well.
  static func succeed(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    let result = try run(arguments, environment: environment)
    guard result.status == 0 else {
      throw Failure(
        description: "norma \(arguments.joined(separator: " ")) ended with \(result.status): \(result.errors)")
    }
    return result
  }

  private static func spawn(
    _ command: [String], environment: [String: String], output: String, errors: String
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT, 0o600)
    let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = all.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var process = pid_t()
    guard posix_spawn(&process, command[0], &actions, nil, &arguments, &variables) == 0 else {
      throw Failure(description: "\(command[0]) cannot be started; build it first")
    }
    return process
  }

  /// `nil` where the process is just ending.
  private static func sample(of process: pid_t, seconds: Double, progress: Int) -> Sample? {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let resident = status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap({ Double($0.1) }),
      let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count,
      let times = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      // The program's name, in parentheses, may hold spaces.
      let fields = times.split(separator: ")").last?.split(separator: " "), fields.count > 12,
      let user = Double(fields[11]), let system = Double(fields[12])
    else { return nil }
    return Sample(
      seconds: seconds, processorSeconds: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))),
      residentBytes: resident * 1024, descriptors: descriptors, progress: progress)
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
