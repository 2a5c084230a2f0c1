extension Image {
  /// The picture minus another of the same shape, drawn around middle gray (0.5): lighter where this picture is
  /// brighter than the other, darker where it is darker, `NaN` where either has no data.
  ///
  /// All difference pictures of scans follow one rule: the scan minus what is expected of healthy tissue. A bright
  /// lesion is lighter than gray.
  package func difference(from other: Image) -> Image {
    precondition(
      (width, height, channels) == (other.width, other.height, other.channels),
      "\(width)x\(height)x\(channels) minus \(other.width)x\(other.height)x\(other.channels)")
    var result = self
    for i in samples.indices { result.samples[i] = 0.5 + (samples[i] - other.samples[i]) }
    return result
  }
}
