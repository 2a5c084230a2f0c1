/// How a model is trained. A checkpoint can be continued only under the same settings, except for the budget.
package struct TrainingSettings: Codable, Sendable, Equatable {
  package var budget = TrainingBudget.minutes(10)
  package var seed: UInt64 = 0
  package var batchSize = 16
  package var learningRate: Float = 2e-3
  package var augmentation = Augmentation.mirror
  /// Training stops after this many checks in a row with neither a better planted average precision nor a lower
  /// held-out loss; `nil` uses up the whole budget. Source: Prechelt 1998, "Early stopping - but when?".
  package var patience: Int?
  package var objective: Objective
  package var rule: EvidenceRule
  /// How the learned score is trained; `nil` for a model without one.
  package var score: ScoreTrainer.Settings?
  package var inference = Inference.Settings()

  package init(objective: Objective, rule: EvidenceRule) {
    self.objective = objective
    self.rule = rule
  }

  /// Steps over which the learning rate and the weight of the divergence grow from 0; the network needs as many.
  package var neededSteps: Int { max(LearningRate.warmUpSteps, objective.warmUpSteps) }
}
