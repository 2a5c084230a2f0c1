import Anomaly
import Files
import Generation
import Imaging

/// Changes a scan in a model's latent space, or restores it to the nearest healthy scan.
package struct Edit {
  package enum Change: Sendable {
    /// Moves dimensions by amounts in standard deviations of the prior, and adds amounts of attributes.
    case shift(dimensions: [NamedAmount], attributes: [NamedAmount])
    /// Moves the latents by gradient steps towards what the model finds likely.
    case restore
  }

  package struct Outcome: Sendable {
    /// Path of the edited scan.
    package var file: String
    /// Description of the change.
    package var words: String
    /// What the edit changed of the reconstruction; for a restoration, the scan minus its nearest healthy version. See
    /// `Image.difference`.
    package var difference: Image
    /// Cost of a restoration in nats per patch, before the first step and after the last; `nil` for other changes.
    package var cost: (before: Double, after: Double)?

    /// Root mean square of the change, in normalized intensity.
    package var change: Double {
      let squares = difference.samples.map { $0.isNaN ? 0 : Double(($0 - 0.5) * ($0 - 0.5)) }
      return (squares.reduce(0, +) / Double(max(squares.count, 1))).squareRoot()
    }

    /// Whether a reader could see the change.
    package var isVisible: Bool { change >= Traversal.visibleChange }
  }

  private let open: GenerativeModel
  private let scan: String
  private let output: String

  /// - Parameters:
  ///   - scan: file of the scan.
  ///   - output: folder to write to.
  package init(_ open: GenerativeModel, scan: String, output: String) {
    self.open = open
    self.scan = scan
    self.output = output
  }

  package func run(_ edit: Change) throws -> Outcome {
    let (model, generator) = (open.model, open.generator)
    let scan = try open.scan(self.scan)
    let (width, height) = (scan.image.width, scan.image.height)
    let coder = ScanCoder(generator, overlap: model.inference.overlap)
    let code = try coder.encode(scan.image)
    let reconstruction = try coder.decode(code, width: width, height: height)
    let edited: Image
    let words: String
    let difference: Image
    var cost: (before: Double, after: Double)?
    switch edit {
    case .restore:
      let restored = try coder.nearestHealthy(to: scan.image, by: LatentSearch(model))
      edited = try coder.decode(restored.code, width: width, height: height)
      (difference, words) = (scan.image.difference(from: edited), "restored")
      cost = (restored.before, restored.after)
    case .shift(let dimensions, let attributes):
      edited = try coder.decode(try shift(code, dimensions, attributes), width: width, height: height)
      difference = edited.difference(from: reconstruction)
      words =
        (dimensions.map { "dimension \($0)" } + attributes.map { "attribute \($0)" }).joined(separator: ", ")
    }
    try OutputFolder.make(output)
    try TIFFWriter.write(
      edited, as: .float32, description: open.label("edit", words), to: "\(output)/edited.tif")
    try PatchSheet(rows: [[scan.image, reconstruction, edited, difference]], emphasis: model.pictureEmphasis)
      .write(to: "\(output)/sheet.png")
    return Outcome(file: "\(output)/edited.tif", words: words, difference: difference, cost: cost)
  }

  private func shift(
    _ code: LatentCode, _ dimensions: [NamedAmount], _ attributes: [NamedAmount]
  ) throws -> LatentCode {
    let model = open.model
    var result = code
    for amount in dimensions {
      guard let number = Int(amount.name) else {
        throw NormaError(
          subject: "--dimension \(amount)", found: "\(amount.name) is no number",
          remedy: "Give a dimension's number, such as 7=+1.5")
      }
      let chosen = try ChosenDimensions.numbers([number]).choose(from: model, count: 1, path: open.path)
      result = result.moved(chosen[0], by: Float(amount.value), of: model.architecture)
    }
    let known = attributes.isEmpty ? [:] : try AttributeFile.read(for: open.path, model)
    for amount in attributes {
      guard let found = known[amount.name] else {
        let names = known.keys.sorted()
        throw NormaError(
          subject: open.path,
          found: "it has no attribute '\(amount.name)'"
            + (names.isEmpty ? "" : ", only \(names.joined(separator: ", "))"),
          remedy: "Learn it with norma attribute \(open.path) STUDY-A STUDY-B --name \(amount.name)")
      }
      result = result.shifted(by: found.shift(by: amount.value))
    }
    return result
  }
}

/// A name with an amount, written `name=amount`.
package struct NamedAmount: Sendable, CustomStringConvertible {
  package let name: String
  package let value: Double

  /// - Returns: `nil` for text of any other form.
  package init?(_ text: String) {
    guard let sign = text.lastIndex(of: "="), let value = Double(text[text.index(after: sign)...]),
      value.isFinite, sign != text.startIndex
    else { return nil }
    name = String(text[..<sign])
    self.value = value
  }

  package var description: String { "\(name)=\(value >= 0 ? "+" : "")\(value)" }
}
