import Compute
import Imaging

extension Loop {
  /// oneDNN's threads: `Imaging` knows nothing of them.
  package static let onAllThreads = Loop { count, body in _ = Parallel.map(count, body) }
}
