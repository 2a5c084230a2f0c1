/// One line about how a report was made, for a reader.
package struct ProvenanceFact: Sendable, Equatable, Codable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}
