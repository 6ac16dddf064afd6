/** A self-signed certificate for 127.0.0.1 and localhost, made by openssl; trusted by whoever is given it. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  /** Private key, PEM (PKCS #8). */
  readonly key: string
  /** `cert` as a file: what Kafka calls a truststore of type PEM. */
  readonly certFile: string
  /** Key and certificate in one file: what Kafka calls a keystore of type PEM. */
  readonly keystoreFile: string
}

export async function createCertificate(folder: string): Promise<Certificate> {
  const [keyFile, certFile, keystoreFile] = ['key.pem', 'certificate.pem', 'keystore.pem'].map(
    (name) => join(folder, name),
  ) as [string, string, string]
  const what = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', keyFile, '-out', certFile]
  try {
    await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...kind, ...what, ...files])
  } catch (error) {
    throw new Error('openssl could not make a certificate; is it installed?', { cause: error })
  }
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  await writeFile(keystoreFile, key + cert)
  return { cert, key, certFile, keystoreFile }
}
