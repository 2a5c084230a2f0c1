/// Exit statuses except 0 and except 128 plus the number of the signal that ended a run, see `Stopped.exitStatus`.
enum ExitStatus {
  static let failed: Int32 = 1
  static let usage: Int32 = 2
}
