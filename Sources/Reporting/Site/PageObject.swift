import Mustache

/// A structure whose members a template looks up by name.
///
/// swift-mustache would go through all members of a structure by reflection for every name that it looks up. This class
/// does so only once for each structure.
final class PageObject: MustacheParent {
  private let value: Any
  private lazy var members = Dictionary(
    Mirror(reflecting: value).children.compactMap { child in
      child.label.flatMap { label in Self.shown(child.value).map { (label, $0) } }
    }, uniquingKeysWith: { first, _ in first })

  private init(_ value: Any) { self.value = value }

  func child(named name: String) -> Any? { members[name] }

  /// The value in a form that a template accepts; `nil` for an optional that is `nil`.
  static func shown(_ value: Any) -> Any? {
    if value is String || value is Bool || value is Int { return value }
    let mirror = Mirror(reflecting: value)
    return switch mirror.displayStyle {
    case .optional: mirror.children.first.flatMap { shown($0.value) }
    case .collection: mirror.children.compactMap { shown($0.value) }
    case .struct where !mirror.children.isEmpty: PageObject(value)
    default: value
    }
  }
}
