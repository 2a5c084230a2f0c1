import Foundation

/// The process's command line, which every user of the machine can see in the list of processes.
enum ProcessArguments {
  /// Overwrites a secret, such as a password, that is an argument or the end of one.
  static func hide(_ secret: String) {
    for k in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = CommandLine.unsafeArgv[k], String(cString: argument).hasSuffix(secret) else { continue }
      memset(argument + (strlen(argument) - secret.utf8.count), Int32(UInt8(ascii: "x")), secret.utf8.count)
    }
  }
}
