/// A cache of what a layer prepares for each input shape: primitives and the tensors they write to.
package struct Plans<Plan> {
  private var known: [Shape: Plan] = [:]

  package init() {}

  package mutating func plan(
    for shape: Shape, make: (Shape) throws -> Plan
  ) throws -> Plan {
    if let plan = known[shape] { return plan }
    let plan = try make(shape)
    known[shape] = plan
    return plan
  }
}
