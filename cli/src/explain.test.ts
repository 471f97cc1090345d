import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

const text = (version = '2.5', ...segments: string[]): string =>
  [`MSH|^~\\&|252||100||2026||ADT^A31|P1|P|${version}`, 'EVN||2026', ...segments, ''].join('\r');

async function explain(input: string, ...options: string[]): Promise<{ ihub: IhubProcess; code: unknown }> {
  const ihub = new IhubProcess(['explain', ...options, '-']);
  ihub.child.stdin!.end(input);
  return { ihub, code: await ihub.ended() };
}

describe('ihub explain', () => {
  it('lays a message out, without colours where there is no terminal', async () => {
    const { ihub, code } = await explain(text('2.5', 'PID|||1^^^252^PI||""'));
    expect(code).to.equal(0);
    expect(ihub.stdout.split('\n')).to.deep.equal([
      'standard input: ADT^A31, HL7 2.5',
      '',
      'MSH  Message Header',
      '  MSH-1    Field Separator          |',
      '  MSH-2    Encoding Characters      ^~\\&',
      '  MSH-3    Sending Application      252',
      '  MSH-5    Receiving Application    100',
      '  MSH-7    Date/Time of Message     2026',
      '  MSH-9    Message Type',
      '  MSH-9.1    Message Code           ADT  = ADT message',
      '  MSH-9.2    Trigger Event          A31  = ADT/ACK - Update person information',
      '  MSH-10   Message Control ID       P1',
      '  MSH-11   Processing ID            P  = Production',
      '  MSH-12   Version ID               2.5  = Release 2.5',
      '',
      'EVN  Event Type',
      '  EVN-2    Recorded Date/Time       2026',
      '',
      'PID  Patient Identification',
      '  PID-3    Patient Identifier List',
      '  PID-3.1    ID Number              1',
      '  PID-3.4    Assigning Authority    252',
      '  PID-3.5    Identifier Type Code   PI  = Patient internal identifier',
      '  PID-5    Patient Name             null: delete what is held',
      '',
      '',
    ]);
  });

  it('uses the names of the message’s version, and says so when it has to use another’s', async () => {
    const old = await explain(text('2.3.1', 'PID||||||||F', 'ZPI|1'));
    expect(old.ihub.stdout).to.match(/PID-8 +Sex +F {2}= Female\n/);
    expect(old.ihub.stdout).to.match(/^ZPI {2}\(the sender’s own\)\n {2}ZPI-1 +\(the sender’s own\) +1$/m);
    const later = await explain(text('2.8', 'PID|x'));
    expect(later.ihub.stdout).to.match(
      /^standard input: ADT\^A31, HL7 2\.8, with the names of HL7 2\.7\.1\n/,
    );
  });

  it('shows line ends, and nothing that a terminal would obey', async () => {
    const { ihub } = await explain(text('2.5', 'NTE|1||a\\.br\\b\\X1B\\[31m'));
    expect(ihub.stdout).to.contain('a⏎b\\X1B\\[31m');
  });

  it('cuts a long text short, but not as JSON', async () => {
    const long = 'x'.repeat(600);
    expect((await explain(text('2.5', `NTE|1||${long}`))).ihub.stdout).to.match(
      / x{500}… \(100 characters more\)\n/,
    );
    expect((await explain(text('2.5', `NTE|1||${long}`), '--json')).ihub.stdout).to.contain(`"${long}"`);
  });

  it('prints a line of JSON for each message', async () => {
    const { ihub, code } = await explain(text() + text('2.4', 'PID|||""||||||""^x'), '--json');
    expect(code).to.equal(0);
    const [first, second] = ihub.events;
    expect(first).to.include({ file: '-', message: 1, controlId: 'P1', version: '2.5', namesOf: '2.5' });
    expect(second).to.include({ message: 2, version: '2.4', namesOf: '2.4' });
    const [, , pid] = second!['segments'] as { path: string; name: string; places: object[] }[];
    expect(pid).to.include({ path: 'PID', name: 'Patient Identification' });
    expect(pid!.places).to.deep.equal([
      { path: 'PID-3', name: 'Patient Identifier List', dataType: 'CX', depth: 0, value: null },
      { path: 'PID-9', name: 'Patient Alias', dataType: 'XPN', depth: 0 },
      { path: 'PID-9.1', name: 'Family Name', dataType: 'FN', depth: 1, value: null },
      { path: 'PID-9.2', name: 'Given Name', dataType: 'ST', depth: 1, value: 'x' },
    ]);
  });

  it('says in one line what is no message, explains the others, and fails', async () => {
    const { ihub, code } = await explain(`${text()}MSH|^^\r${text()}`);
    expect(code).to.equal(1);
    expect(ihub.stderr).to.match(/^standard input, message 2: BAD_SEPARATORS: .*\n$/);
    expect(ihub.stdout).to.match(/^standard input, message 1:[^]*standard input, message 3:/);
  });

  it('stops quietly when the reader of its output has left', async () => {
    const ihub = new IhubProcess(['explain', '-']);
    ihub.child.stdout!.destroy();
    ihub.child.stdin!.end(text().repeat(200));
    expect(await ihub.ended()).to.equal(1);
    expect(ihub.stderr).to.equal('');
  });
});
