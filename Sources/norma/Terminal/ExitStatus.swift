/// Exit statuses beside 0, and those of programs that a signal ended.
enum ExitStatus {
  static let failed: Int32 = 1
  static let usage: Int32 = 2
}
