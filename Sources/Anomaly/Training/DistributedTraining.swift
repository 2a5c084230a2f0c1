import Compute
import Foundation

/// What the first of several processes has the others do; they do nothing but wait for it.
///
/// The first alone looks at the clock, at held-out scans and at signals, so that no two of them ever disagree on what comes
/// next.
enum Order: BitwiseCopyable {
  /// Take over all that training changes, which follows.
  case state
  /// A step of the network that is being trained, with the patches that are their share of the batch.
  case step(rate: Float)
  /// From here on the steps are those of the learned score.
  case score
  case end
}

extension Trainer {
  /// Computes along with the first process until it says that training has ended.
  package func assist() throws {
    guard let ranks else { preconditionFailure("nobody to assist") }
    let work = try Work(self)
    while true {
      switch try ranks.broadcast(Order.end) {
      case .state: try takeState(from: ranks)
      case .step(let rate): _ = try step(work, rate: rate)
      case .score: return try scoreTraining(settings.score!).trainer.assist()
      case .end: return
      }
    }
  }

  /// Gives the other processes all that they need to go on from here.
  ///
  /// They would come to the same numbers by themselves. That no difference between machines or libraries adds up is worth
  /// a message now and then.
  func shareState() throws {
    guard let ranks else { return }
    _ = try ranks.broadcast(Order.state)
    _ = try ranks.broadcast([UInt8](checkpoint().encoded()))
  }

  private func takeState(from ranks: Ranks) throws {
    let name = "process 0"
    try resume(Safetensors(Data(ranks.broadcast([])), path: name), path: name)
  }

  /// The patches of a step, and what updates the network by them.
  final class Work {
    let clean: Tensor
    let corrupted: Tensor
    let share: BatchShare
    let update: TrainingStep

    init(_ trainer: Trainer) throws {
      let edge = trainer.architecture.patchSize
      let channels = trainer.architecture.channels
      share = BatchShare(of: trainer.settings.batchSize, in: trainer.ranks)
      let own = Shape(share.patches.count, edge, edge, channels)
      clean = try Tensor(own, engine: trainer.engine)
      corrupted = try Tensor(own, engine: trainer.engine)
      update = try TrainingStep(
        network: trainer.network, adam: trainer.adam, objective: trainer.settings.objective,
        shape: Shape(share.batch, edge, edge, channels), ranks: trainer.ranks)
    }
  }

  /// Draws the next batch and takes a step along its gradient.
  ///
  /// - Returns: as of `TrainingStep.run`.
  /// - Throws: with nothing changed, so that a checkpoint may be kept.
  func step(_ work: Work, rate: Float) throws -> (terms: Objective.Terms, norm: Float) {
    let before = (random: state.random, spread: state.spread)
    source.fill(
      clean: work.clean, corrupted: work.corrupted, corrupting: settings.objective.corrupts, share: work.share,
      using: &state.random)
    do {
      return try work.update.run(
        clean: work.clean, corrupted: work.corrupted, learningRate: rate, seed: state.random.next(),
        spread: &state.spread)
    } catch {
      ranks?.breakOff()
      (state.random, state.spread) = before
      throw error
    }
  }
}
