package Shelves is
   type Book is access String;
   function Lend (Title : String) return Book;
end Shelves;
