import Foundation

/// Compares the sources with the house that is planned for them.
struct HouseCheck {
  let house: House
  let manifest: Manifest
  let files: [SourceFile]
  /// What the files of a module use of each other.
  let arrows: [String: Set<Arrow>]

  init(_ house: House, manifest: Manifest, files: [SourceFile]) {
    self.house = house
    self.manifest = manifest
    self.files = files
    var arrows: [String: Set<Arrow>] = [:]
    // Names of the modules below are not to be taken for the module's own.
    var below: Set<String> = []
    for module in house.floors.joined() {
      let own = files.filter { $0.module == module.name }
      arrows[module.name] = References(among: own, foreign: below).arrows()
      for file in own { below.formUnion(file.outline.members.values.joined()) }
    }
    self.arrows = arrows
  }

  /// Reads a package's sources and tests.
  init(_ house: House, package: URL) throws {
    let manifest = Manifest(try String(contentsOf: package.appending(path: "Package.swift"), encoding: .utf8))
    var files: [SourceFile] = []
    for target in manifest.targets where !target.isLibraryInC {
      let root = package.appending(path: target.path)
      let paths = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
      for path in paths.sorted() where path.hasSuffix(".swift") {
        let source = try String(contentsOf: root.appending(path: path), encoding: .utf8)
        files.append(SourceFile("\(target.path)/\(path)", module: target.name, root: target.path, source: source))
      }
    }
    self.init(house, manifest: manifest, files: files)
  }

  /// Everything that is not as planned, a sentence each.
  func faults() -> [String] { foldersThatDiffer() + wrongImports() + arrowsUp() + circles() }

  // MARK: Folders

  private func foldersThatDiffer() -> [String] {
    var faults: [String] = []
    for target in manifest.targets where target.path.hasPrefix("Sources/") && !target.isLibraryInC {
      if floor(of: target.name) == nil { faults.append("\(target.path) has no floor in the house") }
    }
    for module in house.floors.joined() {
      let folders = Dictionary(grouping: files.filter { $0.module == module.name }, by: \.folder)
      let planned = module.folders.isEmpty ? [""] : module.folders
      for folder in planned where folders[folder] == nil {
        faults.append("\(place(module.name, folder)) is in the house, but holds no Swift file")
      }
      for (folder, files) in folders.sorted(by: { $0.key < $1.key }) {
        if !planned.contains(folder) {
          faults += files.map {
            folder.isEmpty
              ? "\($0.path) lies in none of the folders of \(module.name)" : "\($0.path) lies in no folder of the house"
          }
        }
        if files.count > house.mostFiles {
          faults.append("\(place(module.name, folder)) holds \(files.count) files; \(house.mostFiles) are the most")
        }
      }
    }
    return faults
  }

  // MARK: Modules

  private func wrongImports() -> [String] {
    var faults: [String] = []
    var unnamed: Set<[String]> = []
    for file in files {
      for imported in file.outline.imports where !house.toolchain.contains(imported.module) {
        let module = imported.module
        let target = manifest.targets.first { $0.name == file.module }
        if target?.dependencies.contains(module) != true, unnamed.insert([file.module, module]).inserted {
          faults.append(
            "\(file.path) imports \(module), which Package.swift does not name among the dependencies of \(file.module)"
          )
        }
        if manifest.targets.contains(where: { $0.name == module && $0.isLibraryInC }) {
          if house.importers[module]?.contains("\(file.module)/\(file.name)") != true {
            faults.append("\(file.path) imports \(module), which is left to \(importers(of: module))")
          } else if !imported.isInternal {
            faults.append("\(file.path) imports \(module) for whoever imports \(file.module); say `internal import`")
          }
        } else if let own = floor(of: file.module), let other = floor(of: module), other >= own {
          faults.append(
            "\(file.path) imports \(module), which "
              + (other == own ? "stands beside it" : "lies above it (\(file.module) is below \(module))"))
        }
      }
    }
    for (module, importers) in house.importers.sorted(by: { $0.key < $1.key }) {
      for importer in importers
      where !files.contains(where: { file in
        "\(file.module)/\(file.name)" == importer && file.outline.imports.contains { $0.module == module }
      }) {
        faults.append("\(importer) may import \(module) by the house, but does not")
      }
    }
    return faults
  }

  private func floor(of module: String) -> Int? {
    house.floors.firstIndex { $0.contains { $0.name == module } }
  }

  private func importers(of module: String) -> String {
    house.importers[module]?.joined(separator: ", ") ?? "nobody: the house does not name it"
  }

  // MARK: Files

  private func arrowsUp() -> [String] {
    house.floors.joined().flatMap { module in
      let own = files.filter { $0.module == module.name }
      let up = arrows[module.name]!.filter { arrow in
        guard let from = module.folders.firstIndex(of: own[arrow.from].folder),
          let to = module.folders.firstIndex(of: own[arrow.to].folder)
        else { return false }
        return to > from
      }
      return Dictionary(grouping: up) { [$0.from, $0.to] }.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
        let (from, to) = (own[$0.key[0]], own[$0.key[1]])
        return "\(from.path) uses \(names($0.value)) of \(to.path), "
          + "which lies above it (\(from.folder) is below \(to.folder))"
      }
    }
  }

  private func circles() -> [String] {
    house.floors.joined().flatMap { module in
      let own = files.filter { $0.module == module.name }
      var inside = arrows[module.name]!.filter { own[$0.from].folder == own[$0.to].folder }
      var faults: [String] = []
      for pair in house.pairs where pair.module == module.name {
        let between = inside.filter { Set([own[$0.from].name, own[$0.to].name]) == Set(pair.files) }
        if Set(between.map(\.from)).count < 2 {
          faults.append("\(pair.files.joined(separator: " and ")) may know each other by the house, but do not")
        }
        inside.subtract(between)
      }
      let next = Dictionary(grouping: inside, by: \.from).mapValues { Set($0.map(\.to)) }
      var told: Set<Int> = []
      for start in next.keys.sorted() where !told.contains(start) {
        guard let circle = shortestCircle(from: start, next) else { continue }
        told.formUnion(circle)
        let uses = zip(circle, circle.dropFirst() + [start]).map { from, to in
          let names = names(inside.filter { $0.from == from && $0.to == to })
          return "\(own[from].name) uses \(names) of \(own[to].name)"
        }
        faults.append("a circle in \(place(module.name, own[start].folder)): \(uses.joined(separator: ", "))")
      }
      return faults
    }
  }

  /// The files of the shortest way from a file back to itself.
  private func shortestCircle(from start: Int, _ next: [Int: Set<Int>]) -> [Int]? {
    var ways = [[start]]
    var seen: Set<Int> = []
    while !ways.isEmpty {
      var longer: [[Int]] = []
      for way in ways {
        for file in (next[way.last!] ?? []).sorted() {
          if file == start { return way }
          if seen.insert(file).inserted { longer.append(way + [file]) }
        }
      }
      ways = longer
    }
    return nil
  }

  /// The shortest names say the most: a type comes before its members.
  private func names(_ arrows: some Collection<Arrow>) -> String {
    let names = Set(arrows.map(\.name)).sorted { ($0.count, $0) < ($1.count, $1) }
    return names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
  }

  private func place(_ module: String, _ folder: String) -> String {
    folder.isEmpty ? "Sources/\(module)" : "Sources/\(module)/\(folder)"
  }

  // MARK: Drawing

  /// The house from the roof to the ground: folders, how many files they hold, and which others they use.
  func drawing() -> String {
    var lines: [String] = []
    for floor in house.floors.reversed() {
      for module in floor {
        let own = files.filter { $0.module == module.name }
        let imported = Set(own.flatMap { $0.outline.imports.map(\.module) }).subtracting(house.toolchain)
        lines.append("\(module.name) (\(own.count)) -> \(imported.sorted().joined(separator: " "))")
        for folder in Set(own.map(\.folder)).union(module.folders).sorted(by: { rank($0, module) > rank($1, module) })
        where !folder.isEmpty {
          let used = arrows[module.name]!.filter { own[$0.from].folder == folder && own[$0.to].folder != folder }
          let count = own.count { $0.folder == folder }
          let arrows = Set(used.map { own[$0.to].folder }).sorted { rank($0, module) > rank($1, module) }
          lines.append("  \(folder) (\(count)) -> \(arrows.joined(separator: " "))")
        }
      }
    }
    lines += house.pairs.map { "\($0.files.joined(separator: " and ")) know each other: \($0.reason)" }
    return lines.joined(separator: "\n")
  }

  private func rank(_ folder: String, _ module: House.Module) -> Int { module.folders.firstIndex(of: folder) ?? -1 }
}
