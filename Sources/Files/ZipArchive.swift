internal import CZip
import Foundation

/// Reads files out of a ZIP archive, with libzip.
package enum ZipArchive {
  /// Whether bytes begin as a ZIP archive does.
  package static func begins(_ data: Data) -> Bool { data.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

  /// The content of the only file whose name has an ending.
  ///
  /// - Parameters:
  ///   - ending: the ending, with its dot.
  ///   - limit: most bytes that the content may have.
  /// - Throws: `NormaError` where there is none or more than one, or where it is damaged or larger.
  package static func onlyFile(named ending: String, in path: String, limit: Int) throws(NormaError) -> Data {
    func fault(_ found: String) -> NormaError {
      NormaError(.malformed, subject: path, found: found, remedy: "Get the file again")
    }
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_RDONLY, &code) else { throw fault("it is no ZIP archive, or is cut off") }
    defer { zip_discard(archive) }
    let names = (0..<max(zip_get_num_entries(archive, 0), 0)).compactMap { index in
      zip_get_name(archive, zip_uint64_t(index), 0).map { (index: zip_uint64_t(index), name: String(cString: $0)) }
    }
    let fitting = names.filter { $0.name.hasSuffix(ending) }
    guard let chosen = fitting.first, fitting.count == 1 else {
      throw fault("\(Count.of(fitting.count, "file")) in it end in \(ending), one was expected")
    }
    var facts = zip_stat_t()
    guard zip_stat_index(archive, chosen.index, 0, &facts) == 0, facts.valid & zip_uint64_t(ZIP_STAT_SIZE) != 0,
      facts.size <= limit
    else {
      throw fault("'\(chosen.name)' in it has more than \(limit >> 20) MiB, or does not say how many")
    }
    guard let file = zip_fopen_index(archive, chosen.index, 0) else {
      throw fault("'\(chosen.name)' in it cannot be read")
    }
    defer { zip_fclose(file) }
    var content = Data(count: Int(facts.size))
    let read = content.withUnsafeMutableBytes { buffer in
      buffer.baseAddress.map { zip_fread(file, $0, zip_uint64_t(buffer.count)) } ?? 0
    }
    // The check sum is compared at the end of the file, which only a further read meets.
    var rest: UInt8 = 0
    guard read == content.count, zip_fread(file, &rest, 1) == 0 else {
      throw fault("'\(chosen.name)' in it is damaged")
    }
    return content
  }
}
