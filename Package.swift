// swift-tools-version: 6.2
import PackageDescription

// A user's build is not stopped by what a newer compiler warns about; ours is.
let strict: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

// Loops over pixels take eight of them at a time. `norma` itself is compiled for any processor, and says so on one that
// cannot.
#if arch(x86_64)
  let vectors: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-mavx2", "-Xcc", "-mfma"])]
#else
  let vectors: [SwiftSetting] = []
#endif

let package = Package(
  name: "norma",
  products: [.executable(name: "norma", targets: ["norma"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
  ],
  targets: [
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CSystem"),
    .systemLibrary(name: "COpenJPEG", pkgConfig: "libopenjp2", providers: [.apt(["libopenjp2-7-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),
    .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .target(name: "Threads", swiftSettings: strict + vectors),
    .target(name: "Numerics", dependencies: ["Threads"], swiftSettings: strict + vectors),
    .target(name: "Files", dependencies: ["COpenSSL", "CSystem", "CZip"], swiftSettings: strict + vectors),
    .target(
      name: "Imaging",
      dependencies: ["CExpat", "CJPEG", "COpenJPEG", "CPNG", "CSystem", "CTIFF", "Files", "Numerics", "Threads"],
      swiftSettings: strict + vectors),
    .target(
      name: "Compute", dependencies: ["COneDNN", "Files", "Numerics", "Threads"], swiftSettings: strict + vectors),
    .target(
      name: "Anomaly", dependencies: ["Compute", "Files", "Imaging", "Numerics", "Threads"],
      swiftSettings: strict + vectors),
    .target(
      name: "Generation", dependencies: ["Anomaly", "Compute", "Files", "Imaging", "Numerics", "Threads"],
      swiftSettings: strict + vectors),
    .target(
      name: "Reporting",
      dependencies: [
        "Anomaly", "Compute", "Files", "Generation", "Imaging", "Numerics", "Threads",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Pages")], swiftSettings: strict + vectors),
    .target(
      name: "Workflows",
      dependencies: [
        "Anomaly", "Compute", "Files", "Generation", "Imaging", "Numerics", "Reporting", "Threads",
      ], swiftSettings: strict + vectors),
    .executableTarget(
      name: "norma",
      dependencies: [
        "Anomaly", "Compute", "CSystem", "Files", "Imaging", "Reporting", "Threads", "Workflows",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], resources: [.embedInCode("Schemas")], swiftSettings: strict),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "Anomaly", "Compute", "Files", "Imaging", "Numerics", "Threads",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tests/Benchmarks", exclude: ["peers"], swiftSettings: strict),
    .executableTarget(
      name: "soak",
      dependencies: [
        "Anomaly", "CSystem", "Compute", "Files", "Imaging", "Numerics", "Threads",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tests/Soak", swiftSettings: strict),
    // Reads the sources as text, and so needs none of them.
    .testTarget(name: "HouseTests", swiftSettings: strict),
    .testTarget(
      name: "ImagingTests", dependencies: ["Files", "Imaging", "Numerics", "Threads"],
      exclude: ["Fixtures", "Peers"], swiftSettings: strict),
    .testTarget(
      name: "ComputeTests", dependencies: ["Compute", "Files", "Numerics", "Threads"], swiftSettings: strict),
    .testTarget(
      name: "AnomalyTests", dependencies: ["Anomaly", "Compute", "Files", "Imaging", "Numerics", "Threads"],
      exclude: ["Peers"], swiftSettings: strict),
    .testTarget(
      name: "GenerationTests",
      dependencies: ["Anomaly", "Compute", "Files", "Generation", "Imaging", "Numerics", "Threads"],
      swiftSettings: strict),
    .testTarget(
      name: "ReportingTests",
      dependencies: [
        "Anomaly", "Compute", "Files", "Generation", "Imaging", "Numerics", "Reporting", "Threads",
        .product(name: "GRDB", package: "GRDB.swift"),
      ], swiftSettings: strict),
    .testTarget(
      name: "WorkflowTests",
      dependencies: [
        "Anomaly", "Files", "Imaging", "Numerics", "Reporting", "Workflows",
        .product(name: "GRDB", package: "GRDB.swift"),
      ], swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Anomaly", "Compute", "Files", "Imaging", "Numerics", "Reporting", "Threads", "norma",
        .product(name: "GRDB", package: "GRDB.swift"),
      ], swiftSettings: strict),
  ]
)
