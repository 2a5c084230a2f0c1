import Foundation
import Testing

/// Checks JSON against a schema, as far as norma's schemas go; a keyword that it does not know is a fault of its own.
/// Source: JSON Schema 2020-12.
struct JSONSchema {
  private let root: [String: Any]

  init(_ text: String) throws {
    root = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// Sentences on what is not as the schema says; empty if all is.
  func faults(in text: String) throws -> [String] {
    faults(try JSONSerialization.jsonObject(with: Data(text.utf8)), root, at: "$")
  }

  private func faults(_ value: Any, _ schema: [String: Any], at place: String) -> [String] {
    schema.keys.sorted().flatMap { keyword -> [String] in
      let rule = schema[keyword]!
      switch keyword {
      case "$schema", "$defs", "title", "description": return []
      case "$ref":
        guard let name = (rule as? String)?.split(separator: "/").last,
          let target = (root["$defs"] as? [String: Any])?[String(name)] as? [String: Any]
        else { return ["\(place): \(rule) leads nowhere"] }
        return faults(value, target, at: place)
      case "type":
        let types = rule as? [String] ?? [rule as? String ?? ""]
        return types.contains { Self.isOf($0, value) } ? [] : ["\(place): \(value) is no \(types)"]
      case "enum":
        let known = rule as? [String] ?? []
        return (value as? String).map(known.contains) == true ? [] : ["\(place): \(value) is none of \(known)"]
      case "minimum":
        guard let number = value as? NSNumber, let least = rule as? NSNumber else { return [] }
        return number.doubleValue >= least.doubleValue ? [] : ["\(place): \(number) is below \(least)"]
      case "oneOf":
        let fitting = (rule as? [[String: Any]] ?? []).filter { faults(value, $0, at: place).isEmpty }
        return fitting.count == 1 ? [] : ["\(place): \(fitting.count) of the alternatives fit"]
      case "items":
        guard let values = value as? [Any], let item = rule as? [String: Any] else { return [] }
        return values.enumerated().flatMap { faults($1, item, at: "\(place)[\($0)]") }
      case "required":
        guard let members = value as? [String: Any] else { return [] }
        return (rule as? [String] ?? []).filter { members[$0] == nil }.map { "\(place): \($0) is missing" }
      case "properties", "additionalProperties":
        guard let members = value as? [String: Any] else { return [] }
        let known = schema["properties"] as? [String: [String: Any]] ?? [:]
        if keyword == "properties" {
          return members.sorted { $0.key < $1.key }.flatMap { name, member in
            known[name].map { faults(member, $0, at: "\(place).\(name)") } ?? []
          }
        }
        let others = members.filter { known[$0.key] == nil }.sorted { $0.key < $1.key }
        if let item = rule as? [String: Any] {
          return others.flatMap { faults($0.value, item, at: "\(place).\($0.key)") }
        }
        return rule as? Bool == false ? others.map { "\(place): \($0.key) is not in the schema" } : []
      default: return ["\(place): the keyword \(keyword) is not known to this check"]
      }
    }
  }

  /// Foundation reads `true` as a number equal to 1; only the type of its bytes tells them apart.
  private static func isOf(_ type: String, _ value: Any) -> Bool {
    let isTruth = (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
    switch type {
    case "array": return value is [Any]
    case "object": return value is [String: Any]
    case "string": return value is String
    case "boolean": return isTruth
    case "null": return value is NSNull
    case "number": return value is NSNumber && !isTruth
    case "integer":
      guard let number = value as? NSNumber, !isTruth else { return false }
      return number.doubleValue.rounded() == number.doubleValue
    default: return false
    }
  }
}
