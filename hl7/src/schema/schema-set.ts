import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Message } from '../message/message.js';
import { Automaton } from './automaton.js';
import { CompiledValidator, type Tables } from './compiled-validator.js';
import { type Structure, XsdFolder } from './read-xsd.js';
import { SchemaError } from './schema-error.js';
import { structureName } from './structure-name.js';

/** A structure of a set, ready for use. */
export interface LoadedStructure {
  readonly structure: Structure;
  readonly automaton: Automaton;
  readonly validator: CompiledValidator;
}

/** Name of a file that holds a structure; the others hold segments, fields and types. */
const STRUCTURE_FILE = /^([A-Z][A-Z0-9]{2}(?:_[A-Z0-9]{3})?)\.xsd$/;

/** The schema of one flow: a folder of XSDs, one file a structure (`ADT_A05.xsd`) and what they include. */
export class SchemaSet {
  /** The structures that it has, in alphabetical order. */
  readonly structures: readonly string[];
  /** The bytes of its files by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly #folder: XsdFolder;
  readonly #loaded = new Map<string, LoadedStructure>();
  #tables: Tables | undefined;

  private constructor(
    readonly name: string,
    folder: string,
  ) {
    const names = readdirSync(folder).filter((file) => file.endsWith('.xsd'));
    this.files = new Map(names.map((file) => [file, readFileSync(path.join(folder, file))]));
    this.structures = names.flatMap((file) => STRUCTURE_FILE.exec(file)?.[1] ?? []).sort();
    this.#folder = new XsdFolder(this.files);
  }

  /**
   * Reads the files of a set; each structure is compiled when it is first used.
   *
   * @throws SchemaError SET_UNKNOWN when the folder is not there or holds no structure
   */
  static open(folder: string): SchemaSet {
    const name = path.basename(path.resolve(folder));
    if (!existsSync(folder))
      throw new SchemaError('SET_UNKNOWN', `The schema set ${name} has no folder ${folder}`);
    const set = new SchemaSet(name, folder);
    if (set.structures.length > 0) return set;
    throw new SchemaError(
      'SET_UNKNOWN',
      `The folder of schema set ${name} has no structure, such as ADT_A05.xsd`,
    );
  }

  /**
   * The name of a message's structure: MSH-9.3, else what HL7 table 0354 says for its trigger.
   *
   * @throws SchemaError STRUCTURE_UNKNOWN when the set does not have it
   */
  structureOf(message: Message): string {
    const name = structureName(message);
    if (this.structures.includes(name)) return name;
    const has = `Schema set ${this.name} has ${this.structures.join(', ')}`;
    throw new SchemaError(
      'STRUCTURE_UNKNOWN',
      name === '' ? `MSH-9 names neither a structure nor a trigger. ${has}` : `No structure ${name}. ${has}`,
    );
  }

  /**
   * A structure, compiled.
   *
   * @throws SchemaError STRUCTURE_UNKNOWN, SCHEMA_UNREADABLE or SCHEMA_UNSUPPORTED
   */
  load(name: string): LoadedStructure {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    if (!this.structures.includes(name)) {
      throw new SchemaError('STRUCTURE_UNKNOWN', `Schema set ${this.name} has no structure ${name}`);
    }
    const structure = this.#folder.structure(name);
    const automaton = new Automaton(name, structure.content);
    const validator = new CompiledValidator(structure, automaton, () => this.#readTables());
    const loaded = { structure, automaton, validator };
    this.#loaded.set(name, loaded);
    return loaded;
  }

  #readTables(): Tables {
    return (this.#tables ??= this.#folder.tables());
  }
}

/** The schema sets of a directory: every folder in it with a structure is one. */
export class SchemaSets {
  readonly #sets = new Map<string, SchemaSet>();

  private constructor(
    private readonly directory: string,
    /** In alphabetical order. */
    readonly names: readonly string[],
  ) {}

  /** @throws SchemaError SET_UNKNOWN when the directory is not there */
  static open(directory: string): SchemaSets {
    if (!existsSync(directory)) {
      throw new SchemaError('SET_UNKNOWN', `The directory of schema sets, ${directory}, is not there`);
    }
    const names = readdirSync(directory).filter((name) => {
      const folder = path.join(directory, name);
      return statSync(folder).isDirectory() && readdirSync(folder).some((file) => STRUCTURE_FILE.test(file));
    });
    return new SchemaSets(directory, names.sort());
  }

  /** @throws SchemaError SET_UNKNOWN */
  get(name: string): SchemaSet {
    const known = this.#sets.get(name);
    if (known !== undefined) return known;
    if (!this.names.includes(name)) {
      throw new SchemaError('SET_UNKNOWN', `No schema set ${name}: there are ${this.names.join(', ')}`);
    }
    const set = SchemaSet.open(path.join(this.directory, name));
    this.#sets.set(name, set);
    return set;
  }
}
