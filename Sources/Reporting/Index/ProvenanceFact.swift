/// A line of what a report tells of its making, for a reader.
package struct ProvenanceFact: Sendable, Equatable, Codable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}
