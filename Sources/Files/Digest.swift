internal import COpenSSL

/// A digest of bytes that come in pieces. Source: FIPS 180-4.
package struct Digest: ~Copyable {
  package enum Algorithm {
    /// 20 bytes; only for names that a standard makes with it.
    case sha1
    /// 32 bytes.
    case sha256
  }

  private let context: OpaquePointer

  package init(_ algorithm: Algorithm = .sha256) {
    guard let context = EVP_MD_CTX_new(),
      EVP_DigestInit_ex(context, algorithm == .sha1 ? EVP_sha1() : EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto has no memory for a digest, or does not offer \(algorithm)") }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let status = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    precondition(status == 1, "libcrypto took no bytes for a digest")
  }

  package mutating func add(_ text: String) { Array(text.utf8).withUnsafeBytes { add($0) } }

  /// The digest of all bytes that were added.
  package consuming func finish() -> [UInt8] {
    var length: UInt32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
      let status = EVP_DigestFinal_ex(context, buffer.baseAddress, &length)
      precondition(status == 1, "libcrypto finished no digest")
      count = Int(length)
    }
    return bytes
  }

  package static func of(_ bytes: UnsafeRawBufferPointer, _ algorithm: Algorithm = .sha256) -> [UInt8] {
    var digest = Digest(algorithm)
    digest.add(bytes)
    return digest.finish()
  }

  package static func of(_ bytes: [UInt8], _ algorithm: Algorithm = .sha256) -> [UInt8] {
    bytes.withUnsafeBytes { of($0, algorithm) }
  }

  /// The SHA-256 of a text's UTF-8.
  package static func of(_ text: String) -> [UInt8] { of(Array(text.utf8)) }
}
