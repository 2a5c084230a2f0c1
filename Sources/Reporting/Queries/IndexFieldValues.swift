/// The values that a field can be compared with, and the field's description in messages.
extension IndexField {
  var isText: Bool {
    switch kind {
    case .text, .word: true
    case .truth, .count, .number, .probability, .measure: false
    }
  }

  var isNumeric: Bool { !isText && kind != .truth }

  /// The typed value as the index stores it; `nil` if the field cannot be compared with it in this way.
  func value(of token: ConditionToken, _ comparison: Condition.Comparison) -> BoundSQL.Value? {
    let isWord = token.kind == .word || token.kind == .quoted
    switch kind {
    case .text: return isWord ? .text(token.text) : nil
    case .word(let words):
      let text = token.text.lowercased()
      return isWord && comparison.isOfEquality && words.contains(text) ? .text(text) : nil
    case .truth:
      guard comparison.isOfEquality else { return nil }
      if token.kind == .number(1) || token.isKeyword("true") || token.isKeyword("yes") { return .number(1) }
      if token.kind == .number(0) || token.isKeyword("false") || token.isKeyword("no") { return .number(0) }
      return nil
    case .count, .number, .probability, .measure:
      if case .number(let number) = token.kind { return .number(number) }
      return nil
    }
  }

  /// The kind of the field as part of a sentence, for example `a number`.
  var kindText: String {
    switch kind {
    case .text: "text"
    case .word(let words): "one of " + words.map { "'\($0)'" }.joined(separator: ", ")
    case .truth: "true or false"
    case .count, .number, .probability, .measure: "a number"
    }
  }

  /// Why a row may have no value of the field, in a few words; `nil` where every row has one.
  ///
  /// - Parameter isOfRegion: whether a row is a region, not a case.
  func whyMissing(isOfRegion: Bool) -> String? {
    switch name {
    case "area_mm2", "region_area_mm2", "micrometers_per_pixel": "their scans do not say how large a pixel is"
    case "p_value" where isOfRegion, "q_value": "their model is of an older norma, or their run has not ended"
    case "whole_score": "not examined, or their model cannot say"
    case "score", "worst_place_score", "p_value", "flagged", "region_count", "peak", "region_area_px", "appearance":
      "not examined"
    case "scan_score", "scan_p_value", "scan_width", "scan_height", "channels", "missing_share", "downsample",
      "heatmap_path":
      "a scan was not examined"
    case "verdict", "note", "reviewed_at", "judged_score", "judged_model_sha256": "not reviewed"
    case "reviewer": "not reviewed, or without a name"
    case "domain_shift_p": "not tested"
    case "domain_shift": "nothing strange was found"
    case "page": "their files are one scan each"
    case "sha256": "their files could not be read"
    case "error": "a scan was scored"
    case "peak_x", "peak_y": "an older norma wrote them"
    default: nil
    }
  }

  /// A well-formed condition on the field, as an example for a message.
  var example: String {
    switch kind {
    case .text: "\(name) = 'some text'"
    case .word(let words): "\(name) = \(words[0])"
    case .truth: "\(name) or not \(name)"
    case .count, .number: "\(name) >= 3"
    case .probability: "\(name) <= 0.05"
    case .measure: "\(name) > 2.5"
    }
  }
}

extension Condition.Comparison {
  var isOfEquality: Bool { self == .equal || self == .unequal }
}
