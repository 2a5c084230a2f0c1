/// Adds up the gradients of several processes while the backward pass that computes them goes on.
///
/// A layer announces its gradients as soon as it has them. Once enough numbers are collected, their sum is started in
/// one message; every later announcement also lets MPI make progress on the messages under way. Source: Li et al. 2020,
/// "PyTorch Distributed", arXiv:2006.15704, section 3.2.
package final class GradientSum {
  private let ranks: Ranks
  private let parameters: [Parameter]
  /// All gradients, in the order of their announcement.
  private let values: UnsafeMutableBufferPointer<Float>
  private var arrived: [(parameter: Parameter, place: Int)] = []
  private var filled = 0
  private var started = 0
  private var requests: [MPI.Request] = []

  /// How many numbers are collected before a message is sent.
  private static let bucket = 1 << 16

  package init(_ parameters: [Parameter], over ranks: Ranks) {
    self.parameters = parameters
    self.ranks = ranks
    values = .allocate(capacity: parameters.reduce(0) { $0 + $1.count })
    values.initialize(repeating: 0)
  }

  deinit { values.deallocate() }

  /// Runs a backward pass and replaces the parameters' gradients by their sums over all processes.
  package func sum(during backward: () throws -> Void) throws {
    (arrived, filled, started, requests) = ([], 0, 0, [])
    for parameter in parameters {
      parameter.gradientIsSet = { [unowned self, unowned parameter] () throws in
        try take(parameter)
      }
    }
    defer { for parameter in parameters { parameter.gradientIsSet = nil } }
    try backward()
    precondition(arrived.count == parameters.count, "\(arrived.count) of \(parameters.count) gradients were announced")
    try start()
    for request in requests { try ranks.wait(for: request) }
    for (parameter, place) in arrived {
      _ = parameter.gradient.update(fromContentsOf: values[place..<place + parameter.count])
    }
  }

  private func take(_ parameter: Parameter) throws {
    _ = values[filled..<filled + parameter.count].update(fromContentsOf: parameter.gradient)
    arrived.append((parameter, filled))
    filled += parameter.count
    if filled - started >= Self.bucket { try start() }
    for index in requests.indices { _ = try ranks.isDone(&requests[index]) }
    try ranks.look()
  }

  private func start() throws {
    guard filled > started else { return }
    requests.append(try ranks.mpi.startSum(UnsafeMutableBufferPointer(rebasing: values[started..<filled])))
    started = filled
  }
}
