/** The version of this package, as brokers and `--version` are told. A test holds it to package.json. */
export const version = '0.1.0'
