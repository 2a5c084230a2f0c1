import Imaging

/// Scans of one case that are scored at once.
package struct ScanGroup {
  /// Indices of the scans among all of the case.
  package let members: [Int]
  /// The scans as read.
  package let images: [Image]
  package let prepared: [PreparedImage]
  /// The scans before and after the group; `nil` at the ends of the case.
  package let before: PreparedImage?
  package let after: PreparedImage?

  /// All scans of a case at once.
  package init(_ images: [Image], prepared: [PreparedImage]) {
    self.init(members: Array(images.indices), images: images, prepared: prepared, before: nil, after: nil)
  }

  init(members: [Int], images: [Image], prepared: [PreparedImage], before: PreparedImage?, after: PreparedImage?) {
    (self.members, self.images, self.prepared) = (members, images, prepared)
    (self.before, self.after) = (before, after)
  }
}
