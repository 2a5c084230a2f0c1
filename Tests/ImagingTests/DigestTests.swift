import Files
import Testing

/// The examples of FIPS 180-4, and of its SHA-1.
struct DigestTests {
  @Test func `digests are those of the standard`() {
    #expect(Digest.of("abc").hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(Digest.of("").hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(Digest.of(Array("abc".utf8), .sha1).hexadecimal == "a9993e364706816aba3e25717850c26c9cd0d89d")
  }

  @Test func `bytes in pieces have the digest of the whole`() {
    var digest = Digest()
    for piece in ["a", "", "bc"] { digest.add(piece) }
    #expect(digest.finish() == Digest.of("abc"))
  }
}
