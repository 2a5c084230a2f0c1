// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "norma",
  products: [.executable(name: "norma", targets: ["norma"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ],
  targets: [
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .target(name: "Imaging", dependencies: ["CTIFF", "CPNG"]),
    .target(name: "Compute", dependencies: ["COneDNN"]),
    .target(
      name: "Anomaly",
      dependencies: [
        "Imaging", "Compute",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Reporting",
      dependencies: [
        "Anomaly", "Imaging",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Pages")]),
    .executableTarget(
      name: "norma",
      dependencies: [
        "Anomaly", "Imaging", "Reporting",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(name: "ImagingTests", dependencies: ["Imaging"]),
    .testTarget(name: "ComputeTests", dependencies: ["Compute"]),
    .testTarget(name: "AnomalyTests", dependencies: ["Anomaly"], exclude: ["Peers"]),
    .testTarget(name: "ReportingTests", dependencies: ["Reporting"]),
    .testTarget(name: "CommandTests", dependencies: ["Imaging", "norma"]),
  ]
)
