/// The house: which module stands on which floor, and which folder of a module above which.
///
/// This is the page to edit when a folder is added, moved or taken away. Everything here is checked against the disk,
/// so that an entry that names nothing fails too.
struct House {
  struct Module {
    let name: String
    /// From bottom to top; empty for a module whose files lie directly in it.
    var folders: [String] = []
  }

  /// Two files that may know each other.
  struct Pair {
    let module: String
    let files: [String]
    let reason: String
  }

  /// From bottom to top. Modules on one floor do not know each other.
  var floors: [[Module]]
  /// The files that may import a C library, each with its module.
  var importers: [String: [String]] = [:]
  var pairs: [Pair] = []
  /// Modules that come with the toolchain, which `Package.swift` does not name.
  var toolchain: Set<String> = ["Foundation", "Glibc", "Synchronization", "Testing"]
  /// More files than that in a folder are two ideas, or more.
  var mostFiles = 24

  static let norma = House(
    floors: [
      [Module(name: "Threads")],
      [Module(name: "Numerics")],
      [Module(name: "Files")],
      [
        Module(
          name: "Imaging",
          folders: ["Pixels", "Patches", "Normalization", "Codecs", "TIFF", "Vendors", "Scans", "Writing"]),
        Module(name: "Compute", folders: ["Engine", "Layers", "Training"]),
      ],
      [
        Module(
          name: "Anomaly",
          folders: [
            "Study", "Texture", "Preparation", "Network", "Features", "Inference", "Evidence", "DomainShift", "Model",
            "Detection", "Lesions", "Training", "Evaluation", "Phantoms",
          ])
      ],
      [Module(name: "Generation")],
      [
        Module(
          name: "Reporting",
          folders: [
            "Words", "Layout", "Index", "Queries", "Pictures", "Site", "Run", "Shards", "Reviews", "Exports", "Central",
          ])
      ],
      [
        Module(
          name: "Workflows", folders: ["Base", "Analyze", "Train", "Evaluate", "Report", "Cluster", "Generate", "Demo"])
      ],
      [Module(name: "norma", folders: ["Terminal", "Options", "Models", "Commands"])],
    ],
    importers: [
      "CExpat": ["Imaging/XMLElements.swift"],
      "CJPEG": ["Imaging/JPEGWriter.swift"],
      "COneDNN": [
        "Compute/Convolution.swift", "Compute/Engine.swift", "Compute/FixedConvolution.swift", "Compute/Layout.swift",
        "Compute/MatrixProduct.swift",
        "Compute/Memory.swift", "Compute/OneDNN.swift", "Compute/OneDNNCall.swift", "Compute/Precision.swift",
        "Compute/Primitive.swift", "Compute/Tensor.swift",
      ],
      "COpenJPEG": ["Imaging/JPEG2000.swift"],
      "COpenSSL": ["Files/Digest.swift"],
      "CPNG": ["Imaging/PNGWriter.swift"],
      "CSystem": [
        "Files/AtomicFile.swift", "Imaging/TIFFTileWriter.swift", "norma/MemoryOptions.swift", "norma/Norma.swift",
        "soak/Trial.swift",
      ],
      "CTIFF": [
        "Imaging/TIFFHandle.swift", "Imaging/TIFFLog.swift", "Imaging/TIFFMetadata.swift", "Imaging/TIFFPage.swift",
        "Imaging/TIFFTileWriter.swift", "Imaging/TIFFWriter.swift",
      ],
      "CZip": ["Files/ZipArchive.swift"],
    ])
}
