internal import Glibc
import Synchronization

/// The user's wish to end, by Ctrl-C or `kill`: long loops see it between two batches and throw.
///
/// A signal's handler may do next to nothing, since it comes in between any two instructions; it sets a number here, and
/// whatever catches `Stopped` keeps what is to be kept.
package enum Interruption {
  private static let received = Atomic<Int32>(0)

  /// The signal that asked to end; `nil` where none has.
  package static var signal: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// From here on the first SIGINT or SIGTERM is noted, and the second ends the program at once. Output that nobody reads
  /// any more is no reason to end: a batch whose terminal is gone goes on.
  package static func listen() {
    // Swift makes a static value when it is first used; a signal's handler must find it made.
    received.store(0, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      if Interruption.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
    }
    // Reading and writing of files goes on where it was.
    action.sa_flags = SA_RESTART
    // A program inherits blocked signals from the program that started it.
    var heard = sigset_t()
    sigemptyset(&heard)
    for number in [SIGINT, SIGTERM] {
      sigaction(number, &action, nil)
      sigaddset(&heard, number)
    }
    pthread_sigmask(SIG_UNBLOCK, &heard, nil)
    Glibc.signal(SIGPIPE, SIG_IGN)
  }

  /// Another process of the same computation was asked to end.
  package static func note() { _ = received.compareExchange(expected: 0, desired: SIGTERM, ordering: .relaxed) }

  /// - Throws: `Stopped` once a signal has come.
  package static func check() throws(Stopped) {
    if let signal { throw Stopped(signal: signal) }
  }
}
