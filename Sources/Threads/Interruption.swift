internal import Glibc
import Synchronization

/// Records that the user asked the program to end, by Ctrl-C or `kill`. Long loops check for it between two batches and
/// throw.
///
/// A signal handler may do next to nothing, since it can run between any two instructions. So it only sets a number
/// here; the code that catches `Stopped` saves the work done so far.
package enum Interruption {
  private static let received = Atomic<Int32>(0)

  /// The signal that asked the program to end; `nil` if none has.
  package static var signal: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// Starts listening: the first SIGINT or SIGTERM is noted, and the second ends the program at once. SIGPIPE is
  /// ignored: a batch goes on after its terminal is gone.
  package static func listen() {
    // Initializes the static `received` before a handler can use it.
    received.store(0, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      if Interruption.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
    }
    // Interrupted reads and writes of files are resumed.
    action.sa_flags = SA_RESTART
    // A program inherits blocked signals from its parent, so unblock them.
    var heard = sigset_t()
    sigemptyset(&heard)
    for number in [SIGINT, SIGTERM] {
      sigaction(number, &action, nil)
      sigaddset(&heard, number)
    }
    pthread_sigmask(SIG_UNBLOCK, &heard, nil)
    Glibc.signal(SIGPIPE, SIG_IGN)
  }

  /// Notes that another process of the same computation was asked to end.
  package static func note() { _ = received.compareExchange(expected: 0, desired: SIGTERM, ordering: .relaxed) }

  /// - Throws: `Stopped` if a signal has come.
  package static func check() throws(Stopped) {
    if let signal { throw Stopped(signal: signal) }
  }
}
