// A study that norma analyzes in shards, puts together and lists. Not tried: no Nextflow was at hand.
//
//   nextflow run norma.nf --study STUDY --model healthy.safetensors --report Reports/NAME
//
// Shards write into one report, in the file system that all tasks share, so that a shard goes on where it stopped. What
// tasks hand on are marks.

params.shards = 2
params.max_failed = '5%'

process SHARD {
    input:
    val number

    output:
    val number

    script:
    """
    norma analyze '${file(params.study)}' --model '${file(params.model)}' --output '${file(params.report)}' \
        --shard ${number}/${params.shards} --max-failed '${params.max_failed}'
    """
}

process MERGE {
    publishDir "${file(params.report).parent}", mode: 'copy'

    input:
    val numbers

    output:
    path 'flagged.csv'

    script:
    """
    norma merge '${file(params.report)}' --max-failed '${params.max_failed}'
    norma cases '${file(params.report)}' --flagged --format csv > flagged.csv
    """
}

workflow {
    MERGE(SHARD(Channel.of(1..params.shards)).collect())
}
