import ArgumentParser
import Files
import Reporting

/// A report on the command line: its folder, or the index in it.
struct ReportArgument: ExpressibleByArgument {
  let folder: String

  init(argument: String) {
    let isIndex = FilePath.name(of: argument) == ReportFolder.indexName
    let parent = FilePath.folder(of: argument)
    folder = isIndex ? parent.isEmpty ? "." : parent : argument
  }
}
