/// What the first of several processes has the others do; they do nothing but wait for it.
///
/// The first alone looks at the clock, at held-out scans and at signals, so that no two of them ever disagree on what comes
/// next.
enum Instruction: BitwiseCopyable {
  /// Take over all that training changes, which follows.
  case state
  /// A step of the network that is being trained, with the patches that are their share of the batch.
  case step(rate: Float)
  /// From here on the steps are those of the learned score.
  case score
  case end
}
