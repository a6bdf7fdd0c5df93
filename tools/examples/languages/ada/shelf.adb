--  Lends two books, and gets one back.
with Ada.Text_IO;
with Ada.Unchecked_Deallocation;
with Shelves;

procedure Shelf is
   procedure Take_Back is new Ada.Unchecked_Deallocation (String, Shelves.Book);
   First, Second : Shelves.Book;
begin
   First := Shelves.Lend ("one ");
   Second := Shelves.Lend ("two ");
   Take_Back (First);
   Second := null;
   Ada.Text_IO.Put_Line ("1 lent");
end Shelf;
