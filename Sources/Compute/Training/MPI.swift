internal import Glibc

/// The part of Open MPI that training over several processes needs. The library is opened at run time: a norma that was
/// started alone does not need it and does not look for it.
///
/// Handles are addresses of the library's symbols, as in its `mpi.h`. Source: MPI Forum 2021, MPI 4.0, chapters 6 and
/// 11.
struct MPI {
  typealias Handle = UnsafeMutableRawPointer
  /// A communication that is under way.
  typealias Request = UnsafeMutableRawPointer?

  private typealias Start =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<Int32>
    ) -> Int32
  private typealias Ask = @convention(c) (Handle, UnsafeMutablePointer<Int32>) -> Int32
  private typealias Handling = @convention(c) (Handle, Handle) -> Int32
  private typealias Sum =
    @convention(c) (
      UnsafeRawPointer?, UnsafeMutableRawPointer, Int32, Handle, Handle, Handle, UnsafeMutablePointer<Request>
    ) -> Int32
  private typealias Broadcast =
    @convention(c) (UnsafeMutableRawPointer, Int32, Handle, Int32, Handle, UnsafeMutablePointer<Request>) -> Int32
  private typealias Test =
    @convention(c) (UnsafeMutablePointer<Request>, UnsafeMutablePointer<Int32>, UnsafeMutableRawPointer?) -> Int32
  private typealias End = @convention(c) () -> Int32

  let rank: Int
  let size: Int
  private let world: Handle
  private let addition: Handle
  private let (floats, doubles, bytes): (Handle, Handle, Handle)
  private let reduce: Sum
  private let spread: Broadcast
  private let test: Test
  private let end: End
  /// The value of `MPI_IN_PLACE`.
  private static var inPlace: UnsafeRawPointer? { UnsafeRawPointer(bitPattern: 1) }
  private static let funneled: Int32 = 1

  /// A call that failed, described as a clause.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// - Throws: `Fault` with the system's message if Open MPI is not installed.
  init() throws {
    // RTLD_GLOBAL, because Open MPI's components look for its symbols among all loaded ones.
    guard let library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL) ?? dlopen("libmpi.so", RTLD_NOW | RTLD_GLOBAL)
    else { throw Fault(description: String(cString: dlerror())) }
    func symbol(_ name: String) throws -> Handle {
      guard let address = dlsym(library, name) else {
        throw Fault(description: "libmpi.so is not Open MPI's: it has no \(name)")
      }
      return address
    }
    world = try symbol("ompi_mpi_comm_world")
    addition = try symbol("ompi_mpi_op_sum")
    (floats, doubles, bytes) = (
      try symbol("ompi_mpi_float"), try symbol("ompi_mpi_double"), try symbol("ompi_mpi_byte")
    )
    reduce = unsafeBitCast(try symbol("MPI_Iallreduce"), to: Sum.self)
    spread = unsafeBitCast(try symbol("MPI_Ibcast"), to: Broadcast.self)
    test = unsafeBitCast(try symbol("MPI_Test"), to: Test.self)
    end = unsafeBitCast(try symbol("MPI_Finalize"), to: End.self)
    let start = unsafeBitCast(try symbol("MPI_Init_thread"), to: Start.self)
    let setHandler = unsafeBitCast(try symbol("MPI_Comm_set_errhandler"), to: Handling.self)
    let askRank = unsafeBitCast(try symbol("MPI_Comm_rank"), to: Ask.self)
    let askSize = unsafeBitCast(try symbol("MPI_Comm_size"), to: Ask.self)
    let returningErrors = try symbol("ompi_mpi_errors_return")
    var (given, rank, size): (Int32, Int32, Int32) = (0, 0, 0)
    try Self.check(start(nil, nil, Self.funneled, &given), "MPI_Init_thread")
    try Self.check(setHandler(world, returningErrors), "MPI_Comm_set_errhandler")
    try Self.check(askRank(world, &rank), "MPI_Comm_rank")
    try Self.check(askSize(world, &size), "MPI_Comm_size")
    (self.rank, self.size) = (Int(rank), Int(size))
  }

  /// Starts to add up the values of all processes, in place.
  func startSum(_ values: UnsafeMutableBufferPointer<Float>) throws -> Request {
    try startSum(values.baseAddress!, count: values.count, of: floats)
  }

  func startSum(_ values: UnsafeMutableBufferPointer<Double>) throws -> Request {
    try startSum(values.baseAddress!, count: values.count, of: doubles)
  }

  private func startSum(
    _ values: UnsafeMutableRawPointer, count: Int, of type: Handle
  ) throws -> Request {
    var request: Request = nil
    try Self.check(
      reduce(Self.inPlace, values, Int32(count), type, addition, world, &request), "MPI_Iallreduce")
    return request
  }

  /// Starts to send the first process's bytes to all processes.
  func startBroadcast(_ values: UnsafeMutableRawBufferPointer) throws -> Request {
    var request: Request = nil
    try Self.check(
      spread(values.baseAddress!, Int32(values.count), bytes, 0, world, &request), "MPI_Ibcast")
    return request
  }

  /// Whether a communication is complete; asking also lets MPI make progress on all that are under way.
  func isDone(_ request: inout Request) throws -> Bool {
    var flag: Int32 = 0
    try Self.check(test(&request, &flag, nil), "MPI_Test")
    return flag != 0
  }

  /// Ends MPI; waits until all processes have called it.
  func finalize() { _ = end() }

  private static func check(_ status: Int32, _ call: String) throws {
    if status != 0 { throw Fault(description: "\(call) answered error \(status)") }
  }
}
