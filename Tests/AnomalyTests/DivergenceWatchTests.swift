import Anomaly
import Foundation
import Testing

struct DivergenceWatchTests {
  /// Feeds losses one after the other; what was said, and after how many.
  private func feed(_ losses: [Double], gradientNorm: Float = 1) -> (steps: Int, reason: String)? {
    var watch = DivergenceWatch()
    for (i, loss) in losses.enumerated() {
      if let reason = watch.reasonToGoBack(loss: loss, gradientNorm: gradientNorm) { return (i + 1, reason) }
    }
    return nil
  }

  private func level(_ loss: Double, _ steps: Int) -> [Double] { [Double](repeating: loss, count: steps) }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func `five steps in a row without a number are too many, four are not`(loss: Double) {
    #expect(feed(level(-1, 10) + level(loss, 4) + level(-1, 10)) == nil)
    let found = feed(level(-1, 10) + level(loss, 9))
    #expect(found?.steps == 15)
    #expect(found?.reason == "the loss or its gradient was not a finite number 5 steps in a row")
  }

  @Test func `a gradient that is not finite counts as a loss that is not`() {
    #expect(feed(level(1, 9), gradientNorm: .nan)?.steps == 5)
  }

  @Test func `twenty steps in a row of ten times the mean are too many, nineteen are not`() {
    #expect(feed(level(3, 100) + level(31, 19) + level(3, 5) + level(31, 19)) == nil)
    let found = feed(level(3, 100) + level(31, 30))
    #expect(found?.steps == 120)
    #expect(found?.reason == "the loss was more than 10 times its running mean 20 steps in a row")
    #expect(feed(level(3, 100) + level(29, 100)) == nil)
  }

  @Test func `a loss below zero is measured by its size, one near zero by a nat`() {
    #expect(feed(level(-3, 100) + level(29, 30)) == nil)
    #expect(feed(level(-3, 100) + level(31, 30))?.steps == 120)
    #expect(feed(level(0, 100) + level(9, 30)) == nil)
    #expect(feed(level(0, 100) + level(11, 30))?.steps == 120)
  }

  @Test func `a climb that takes the running mean along is noticed`() {
    #expect(feed((0..<2000).map { 2 + 0.02 * Double($0) }) != nil)
  }

  @Test func `a training that goes well is left alone`() {
    let losses: [Double] = (0..<3000).map { step in
      let outlier: Double = step % 7 == 0 ? 4 : 0
      return 12 * exp2(-Double(step) / 200) - 1.5 + outlier
    }
    #expect(feed(losses) == nil)
  }

  @Test func `calm is a step without failure or explosion`() {
    var watch = DivergenceWatch()
    #expect(watch.isCalm)
    _ = watch.reasonToGoBack(loss: .nan, gradientNorm: 1)
    #expect(!watch.isCalm)
    _ = watch.reasonToGoBack(loss: 1, gradientNorm: 1)
    #expect(watch.isCalm)
    _ = watch.reasonToGoBack(loss: 100, gradientNorm: 1)
    #expect(!watch.isCalm)
  }
}
