/// Memory that the chunks of a parallel loop share, each chunk writing its own part of it.
///
/// A pointer is not `Sendable`, since nothing keeps two threads from writing to the same place. This type relies on the
/// loop to prevent that: if one chunk writes an element, no other chunk reads or writes it; if no chunk writes an
/// element, all may read it. A loop keeps this rule if each chunk's part depends only on the number of the chunk;
/// nothing checks it, and only this type relies on it unchecked. `Parallel` returns after all chunks are done, so that
/// no chunk outlives the memory and the caller sees what they wrote. Elements that are not `Sendable` themselves, such
/// as open files, must be used by one chunk each.
@usableFromInline package struct SplitBuffer<Element>: Sendable {
  @usableFromInline nonisolated(unsafe) let buffer: UnsafeMutableBufferPointer<Element>

  /// - Parameter buffer: memory that outlives the loop.
  @inlinable package init(_ buffer: UnsafeMutableBufferPointer<Element>) { self.buffer = buffer }

  /// - Parameter start: first element of memory that outlives the loop.
  @inlinable package init(_ start: UnsafeMutablePointer<Element>, count: Int) {
    buffer = UnsafeMutableBufferPointer(start: start, count: count)
  }

  @inlinable package var count: Int { buffer.count }

  @inlinable package subscript(index: Int) -> Element {
    @inline(__always) get { buffer[index] }
    @inline(__always) nonmutating set { buffer[index] = newValue }
  }

  /// A part of the memory; its indices start at 0.
  @inlinable package subscript(range: Range<Int>) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(rebasing: buffer[range])
  }

  /// One of `chunks` parts of equal size; its indices start at 0.
  @inlinable package func part(_ chunk: Int, of chunks: Int) -> UnsafeMutableBufferPointer<Element> {
    let size = buffer.count / chunks
    precondition(size * chunks == buffer.count, "\(buffer.count) elements do not divide into \(chunks) parts")
    return self[chunk * size..<(chunk + 1) * size]
  }

  /// Address of the first element; the memory must not be empty.
  @inlinable package var start: UnsafeMutablePointer<Element> {
    @inline(__always) get { buffer.baseAddress.unsafelyUnwrapped }
  }
}

/// Memory that all chunks of a parallel loop read and that nothing writes during the loop.
@usableFromInline package struct ReadBuffer<Element: Sendable>: Sendable {
  @usableFromInline let memory: SplitBuffer<Element>

  /// - Parameter buffer: memory that outlives the loop.
  @inlinable package init(_ buffer: UnsafeBufferPointer<Element>) {
    memory = SplitBuffer(UnsafeMutableBufferPointer(mutating: buffer))
  }

  @inlinable package var count: Int { memory.count }

  @inlinable package subscript(index: Int) -> Element { @inline(__always) get { memory[index] } }

  /// Address of the first element; the memory must not be empty.
  @inlinable package var start: UnsafePointer<Element> { @inline(__always) get { UnsafePointer(memory.start) } }
}

extension Array {
  /// Calls `body` with the array's elements, for the chunks of a parallel loop to write to.
  @inlinable package mutating func withSplitBuffer<Result, Failure: Error>(
    _ body: (SplitBuffer<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeMutableBufferPointer { buffer throws(Failure) in try body(SplitBuffer(buffer)) }
  }
}
