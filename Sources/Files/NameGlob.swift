/// A pattern for names and paths. `*` stands for any characters, including slashes, `?` stands for one character, and
/// any other character stands for itself.
package struct NameGlob: Sendable, Equatable {
  package let pattern: String

  package init(_ pattern: String) { self.pattern = pattern }

  package func matches(_ name: String) -> Bool {
    let (pattern, name) = (Array(pattern), Array(name))
    var (p, n) = (0, 0)
    // The place of the last star in the pattern, and the end of the text in the name that it matches.
    var star: (place: Int, reach: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == "*" {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let last = star {
        star = (last.place, last.reach + 1)
        (p, n) = (last.place + 1, last.reach + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
