"""First names and surnames that the generated tasks draw from, all plain ASCII letters."""

FIRST = tuple(
    """Aaron Abigail Adam Alan Alice Amanda Amber Amy Andrea Andrew Angela Anna Anthony Arthur Ashley Barbara
    Benjamin Beth Bobby Bradley Brandon Brenda Brian Bruce Bryan Carl Carol Carolyn Catherine Charles Cheryl
    Christian Cynthia Daniel David Deborah Denise Dennis Diana Diego Donald Donna Doris Dorothy Douglas Dylan
    Edward Elizabeth Emily Emma Eric Ethan Eugene Evelyn Frances Frank Fatima Gabriel Gary George Gerald Gloria
    Grace Gregory Hannah Harold Heather Helen Henry Hiroshi Ibrahim Ingrid Isaac Jack Jacob James Janet Jason
    Jeffrey Jennifer Jeremy Jesse Joan Joseph Joshua Joyce Juan Judith Julia Justin Karen Keith Kelly Kenneth
    Kevin Kyle Larry Laura Lauren Lawrence Leo Linda Lisa Logan Louis Madison Margaret Maria Marie Mark Martha
    Mason Matthew Megan Melissa Michael Nancy Natalie Nathan Nicholas Nicole Noah Olivia Omar Pamela Patricia
    Patrick Paul Peter Philip Priya Rachel Ralph Raymond Rebecca Richard Robert Roger Ronald Rose Roy Russell
    Ruth Ryan Samantha Samuel Sandra Sarah Scott Sean Sharon Shirley Sofia Stephen Steven Susan Teresa Terry
    Theresa Thomas Timothy Tyler Victoria Vincent Virginia Walter Wayne William Yusuf Zachary""".split()
)

LAST = tuple(
    """Adams Allen Alvarez Anderson Bailey Baker Barnes Bell Bennett Brooks Brown Butler Campbell Carter Castillo
    Chavez Clark Collins Cook Cooper Cox Cruz Davis Diaz Edwards Evans Fisher Flores Foster Garcia Gibson Gomez
    Gonzalez Gray Green Griffin Hall Hamilton Harris Hayes Henderson Hernandez Hill Howard Hughes Jackson James
    Jenkins Johnson Jones Kelly Kim King Lee Lewis Long Lopez Marshall Martin Martinez Mendoza Miller Mitchell
    Moore Morales Morgan Morris Murphy Murray Myers Nelson Nguyen Ortiz Owens Parker Patel Perez Perry Peterson
    Phillips Powell Price Ramirez Ramos Reed Reyes Reynolds Richardson Rivera Roberts Robinson Rodriguez Rogers
    Ross Ruiz Russell Sanchez Sanders Scott Simmons Smith Stewart Sullivan Taylor Thomas Thompson Torres Turner
    Walker Wallace Ward Washington Watson West White Williams Wilson Wood Wright Young""".split()
)

GIRLS = (
    "Ada", "Bella", "Clara", "Dina", "Ella", "Fiona", "Gina", "Hanna", "Iris", "Jana", "Kira", "Lena", "Mia", "Nora",
    "Paula", "Rosa", "Sara", "Tina", "Vera", "Zoe",
)  # fmt: skip
BOYS = (
    "Ali", "Ben", "Carlos", "David", "Erik", "Felix", "Greg", "Hugo", "Ivan", "Jonas", "Karl", "Leo", "Max", "Nico",
    "Oscar", "Pedro", "Rafael", "Sam", "Tom", "Victor",
)  # fmt: skip
