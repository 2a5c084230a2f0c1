/// Exit statuses other than 0 and other than those of programs ended by a signal.
enum ExitStatus {
  static let failed: Int32 = 1
  static let usage: Int32 = 2
}
