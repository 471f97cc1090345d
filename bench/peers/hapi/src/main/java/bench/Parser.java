package bench;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Parses a message, reads PID-3.1, writes PID-8 and makes bytes of it again, over and over. Arguments: the message's
 * file, seconds to warm up, seconds to count. Prints the message as it is written, a line break, and times a second.
 */
public final class Parser {
  private static final HapiContext HAPI = new DefaultHapiContext();

  private static byte[] once(PipeParser parser, byte[] bytes) throws Exception {
    Message message = parser.parse(new String(bytes, StandardCharsets.UTF_8));
    Terser terser = new Terser(message);
    if (terser.get("/PID-3-1").isEmpty()) throw new IllegalStateException("PID-3.1 was not read");
    terser.set("/PID-8", "U");
    return message.encode().getBytes(StandardCharsets.UTF_8);
  }

  public static void main(String[] arguments) throws Exception {
    HAPI.setValidationContext(ValidationContextFactory.noValidation());
    PipeParser parser = HAPI.getPipeParser();
    byte[] bytes = Files.readAllBytes(Path.of(arguments[0]));
    double rate = 0;
    for (int part = 1; part <= 2; part += 1) {
      long until = (long) (Double.parseDouble(arguments[part]) * 1e9);
      long began = System.nanoTime();
      long times = 0;
      while (System.nanoTime() - began < until) {
        once(parser, bytes);
        times += 1;
      }
      rate = times * 1e9 / (System.nanoTime() - began);
    }
    System.out.write(once(parser, bytes));
    System.out.println();
    System.out.println(rate);
  }
}
