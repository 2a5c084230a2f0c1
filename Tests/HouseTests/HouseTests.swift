import Foundation
import Testing

/// The house as it is drawn, compared with the sources as they are.
@Test func `the sources stand as the house is drawn`() throws {
  let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
  let check = try HouseCheck(.norma, package: package)
  print(check.drawing())
  for fault in check.faults() { Issue.record("\(fault)") }
}

/// A house of two folders in one module, above a module without folders.
private let small = House(floors: [
  [House.Module(name: "Ground")], [House.Module(name: "Upper", folders: ["Low", "High"])],
])

private let manifest = """
  let package = Package(
    name: "small",
    targets: [
      .systemLibrary(name: "CThing"),
      .target(name: "Ground", dependencies: ["CThing"]),
      .target(
        name: "Upper", dependencies: ["Ground", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict
      ),
      .testTarget(name: "UpperTests", dependencies: ["Upper"]),
    ])
  """

/// What is found in sources given by their paths. Every folder holds a file that is none of the test's concern.
private func faults(_ sources: [String: String], in house: House = small, empty: Set<String> = []) -> [String] {
  let others = ["Sources/Ground/A.swift", "Sources/Upper/Low/A.swift", "Sources/Upper/High/A.swift"]
  let all = sources.merging(others.filter { !empty.contains($0) }.map { ($0, "") }) { own, _ in own }
  let files = all.sorted { $0.key < $1.key }.map { path, source in
    let root = path.split(separator: "/").prefix(2)
    return SourceFile(path, module: String(root[1]), root: root.joined(separator: "/"), source: source)
  }
  return HouseCheck(house, manifest: Manifest(manifest), files: files).faults()
}

/// What a file in `Low` is found to use of one in `High`.
private func arrow(from low: String, to high: String) -> [String] {
  faults(["Sources/Upper/Low/Use.swift": low, "Sources/Upper/High/Tower.swift": high])
}

private func up(_ name: String) -> [String] {
  [
    "Sources/Upper/Low/Use.swift uses \(name) of Sources/Upper/High/Tower.swift, which lies above it (Low is below High)"
  ]
}

// MARK: Arrows

@Test func `an arrow that goes up is named with both files`() {
  #expect(arrow(from: "let height: Tower", to: "package struct Tower {}") == up("Tower"))
}

@Test func `an arrow that goes down is none of our business`() {
  #expect(
    faults(["Sources/Upper/High/Use.swift": "let x = Cellar()", "Sources/Upper/Low/Cellar.swift": "struct Cellar {}"])
      == [])
}

@Test(
  arguments: [
    ("let x = Tower.Bell()", "enum Tower { struct Bell {} }", "Tower, Tower.Bell"),
    ("let x = climb(3)", "func climb(_ steps: Int) {}", "climb"),
    ("let x = tallest + 1", "let tallest = 3", "tallest"),
    ("func f() { x.house.climb() }", "extension Foreign { func climb() {} }", ".climb"),
    ("func f() { g(.tall) }", "extension Foreign { static let tall = 3 }", ".tall"),
    ("struct A { func f() { climb() } }", "extension A { func climb() {} }", "A.climb"),
    ("struct A { var x: Int { tall } }", "extension A { var tall: Int { 3 } }", "A.tall"),
    ("struct A {}; let x = A(of: 3)", "extension A { init(of x: Int) {} }", "A.init(of:"),
    ("extension Tower { func f() {} }", "struct Tower {}", "Tower"),
    ("let x = \"\\(Tower())\"", "struct Tower {}", "Tower"),
    ("let x = [\"\\(f(1)) a\", #\" \" \"#, \"\"\"\n  a\n  \"\"\"] + Tower.all", "enum Tower {}", "Tower"),
    ("let x = try! Tower(\n  a)", "final class Tower {}", "Tower"),
  ])
func `a name is found wherever it can stand`(use: String, declaration: String, name: String) {
  // An extension of `A` points back at it, which is allowed from above.
  #expect(arrow(from: use, to: declaration) == up(name))
}

@Test(
  arguments: [
    ("// Tower\n/* /* */ Tower */", "struct Tower {}"),
    ("let x = \"Tower\"", "struct Tower {}"),
    ("let x = \"\"\"\n  \"a, Tower\n  \"\"\"", "struct Tower {}"),
    ("let x = \"\\(f(\"Tower\")) Tower\"", "struct Tower {}"),
    ("let x = #\"\\(Tower) \" Tower\"#", "struct Tower {}"),
    ("struct A { enum Tower {}; func f(_ x: Tower) {} }", "struct Tower {}"),
    ("private struct Tower {}; private let x = Tower()", "struct Tower {}"),
    ("func f(tall: Int) -> Int { tall }", "let tall = 3"),
    ("let x = list.map { tall, wide in tall }", "let tall = 3"),
    ("let x = f(tall: 3)", "let tall = 3"),
    ("struct B { func climb() {} }; let x = y.climb()", "extension A { func climb() {} }"),
    ("let x = y.count", "extension Foreign { var count: Int { 3 } }"),
    ("let x = y.climb", "extension Foreign { private func climb() {} }"),
  ])
func `what only looks like a name of another file is no arrow`(source: String, declaration: String) {
  #expect(arrow(from: source, to: declaration) == [])
}

@Test func `a member that a module below declares too is not taken for this one's`() {
  let sources = [
    "Sources/Ground/Thing.swift": "package struct Thing { package func climb() {} }",
    "Sources/Upper/Low/Use.swift": "let x = y.climb()",
    "Sources/Upper/High/Tower.swift": "extension Foreign { func climb() {} }",
  ]
  #expect(faults(sources) == [])
}

// MARK: Circles

@Test func `a circle is told with the names that close it`() {
  let sources = [
    "Sources/Upper/Low/Egg.swift": "struct Egg { let mother: Hen }",
    "Sources/Upper/Low/Hen.swift": "final class Hen { let from: Yard }",
    "Sources/Upper/Low/Yard.swift": "struct Yard { let eggs: [Egg] }",
  ]
  #expect(
    faults(sources) == [
      "a circle in Sources/Upper/Low: Egg.swift uses Hen of Hen.swift, Hen.swift uses Yard of Yard.swift, "
        + "Yard.swift uses Egg of Egg.swift"
    ])
}

@Test func `a type that lies in several files is a circle where they call each other`() {
  let sources = [
    "Sources/Ground/Trainer.swift": "struct Trainer { func run() { finish() } }",
    "Sources/Ground/Finish.swift": "extension Trainer { func finish() {} }",
  ]
  #expect(
    faults(sources) == [
      "a circle in Sources/Ground: Finish.swift uses Trainer of Trainer.swift, "
        + "Trainer.swift uses Trainer.finish of Finish.swift"
    ])
}

@Test func `a pair that may know each other is no circle, and is in the house no longer than that`() {
  var house = small
  house.pairs = [House.Pair(module: "Ground", files: ["Egg.swift", "Hen.swift"], reason: "each is made of the other")]
  let hen = "Sources/Ground/Hen.swift"
  let egg = "Sources/Ground/Egg.swift"
  #expect(faults([hen: "class Hen { var eggs: [Egg] }", egg: "struct Egg { let mother: Hen }"], in: house) == [])
  #expect(
    faults([hen: "class Hen { var eggs: [Egg] }", egg: "struct Egg {}"], in: house)
      == ["Egg.swift and Hen.swift may know each other by the house, but do not"])
}

// MARK: Modules

@Test func `a module that imports one above it is named`() {
  #expect(
    faults(["Sources/Ground/Use.swift": "import Upper"]) == [
      "Sources/Ground/Use.swift imports Upper, which Package.swift does not name among the dependencies of Ground",
      "Sources/Ground/Use.swift imports Upper, which lies above it (Ground is below Upper)",
    ])
}

@Test func `modules on one floor do not know each other`() {
  var house = small
  house.floors = [house.floors.flatMap { $0 }]
  #expect(
    faults(["Sources/Upper/Low/Use.swift": "package import Ground"], in: house)
      == ["Sources/Upper/Low/Use.swift imports Ground, which stands beside it"])
}

@Test(arguments: ["Logging", "Ground"])
func `a dependency that the package does not name is named once`(module: String) {
  let sources = [
    "Tests/UpperTests/A.swift": "import Testing\n@testable import struct \(module).Thing",
    "Tests/UpperTests/B.swift": "import \(module)\nimport Upper",
  ]
  #expect(
    faults(sources) == [
      "Tests/UpperTests/A.swift imports \(module), which Package.swift does not name among the dependencies of UpperTests"
    ])
}

@Test func `of a product its own name counts, not its package's`() {
  let targets = Manifest(manifest).targets
  #expect(targets.map(\.name) == ["CThing", "Ground", "Upper", "UpperTests"])
  #expect(targets.map(\.dependencies) == [[], ["CThing"], ["Ground", "Crypto"], ["Upper"]])
}

@Test func `a product that the package names may be imported`() {
  #expect(faults(["Sources/Upper/Low/Use.swift": "import Crypto\nimport Foundation\nimport Ground"]) == [])
}

@Test func `a C library is imported where the house says, and for nobody else`() {
  var house = small
  house.importers = ["CThing": ["Ground/Thing.swift"]]
  let thing = "Sources/Ground/Thing.swift"
  #expect(faults([thing: "internal import CThing"], in: house) == [])
  #expect(
    faults([thing: "import CThing", "Sources/Ground/Other.swift": "internal import CThing"], in: house) == [
      "Sources/Ground/Other.swift imports CThing, which is left to Ground/Thing.swift",
      "Sources/Ground/Thing.swift imports CThing for whoever imports Ground; say `internal import`",
    ])
  #expect(faults([:], in: house) == ["Ground/Thing.swift may import CThing by the house, but does not"])
}

// MARK: Folders

@Test func `a file outside the folders is named`() {
  #expect(
    faults(["Sources/Upper/Loose.swift": "", "Sources/Upper/Attic/Box.swift": ""]) == [
      "Sources/Upper/Loose.swift lies in none of the folders of Upper",
      "Sources/Upper/Attic/Box.swift lies in no folder of the house",
    ])
}

@Test func `a folder of the house that is not there is named`() {
  #expect(
    faults([:], empty: ["Sources/Upper/High/A.swift"])
      == ["Sources/Upper/High is in the house, but holds no Swift file"])
}

@Test func `a module that the house does not name is named`() {
  var house = small
  house.floors.removeLast()
  #expect(faults([:], in: house) == ["Sources/Upper has no floor in the house"])
}

@Test func `a folder of more than 24 files is named`() {
  let crowd = (1...24).map { ("Sources/Ground/File\($0).swift", "") }
  #expect(
    faults(Dictionary(uniqueKeysWithValues: crowd)) == ["Sources/Ground holds 25 files; 24 are the most"])
}
