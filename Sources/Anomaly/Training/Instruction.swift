/// An instruction from the first of several processes to the others, which only wait for instructions.
///
/// Only the first process looks at the clock, at held-out scans and at signals, so that the processes never disagree on
/// the next step.
enum Instruction: BitwiseCopyable {
  /// Take over the training state, which follows.
  case state
  /// Run a step of the network in training on this process's share of the batch's patches.
  case step(rate: Float)
  /// From here on, steps train the learned score.
  case score
  case end
}
